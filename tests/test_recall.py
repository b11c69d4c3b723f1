import math

import pytest

from retrieval.recall import (
    auroc,
    calibration_error,
    first_rank,
    mean_reciprocal_rank,
    ndcg_at,
    recall_at,
    refused_at,
)


def test_first_rank_counts_a_document_once() -> None:
    assert first_rank(["a", "a", "b"], {"b"}) == 2
    assert first_rank(["a"], {"b"}) is None


def test_recall_and_reciprocal_rank_count_what_was_not_found_as_zero() -> None:
    ranks = [1, 2, None, 6]
    assert recall_at(ranks, 1) == 0.25
    assert recall_at(ranks, 5) == 0.5
    assert mean_reciprocal_rank(ranks) == pytest.approx((1 + 1 / 2 + 1 / 6) / 4)
    assert recall_at([], 1) == mean_reciprocal_rank([]) == 0.0


def test_ndcg_is_one_for_the_ideal_order_and_falls_with_rank() -> None:
    assert ndcg_at(["a", "b", "c"], {"a", "b"}, 10) == pytest.approx(1.0)
    assert ndcg_at(["c", "a"], {"a"}, 10) == pytest.approx(1 / math.log2(3))
    assert ndcg_at(["c", "a"], {"a"}, 1) == 0.0
    assert ndcg_at(["c"], set(), 10) == 0.0


def test_auroc_counts_ties_half() -> None:
    assert auroc([0.9, 0.5], [0.5, 0.1]) == pytest.approx(0.875)
    assert math.isnan(auroc([], [0.1]))


def test_refused_at_keeps_all_but_the_allowed_share_of_answered_ones() -> None:
    answered = [i / 10 for i in range(10)]
    assert refused_at(answered, [0.05, 0.5], 0.1) == 0.5


def test_calibration_error_is_the_distance_of_evidence_from_what_happened() -> None:
    assert calibration_error([0.75] * 4, [True, True, True, False]) == pytest.approx(0.0)
    assert calibration_error([1.0, 1.0], [True, False]) == pytest.approx(0.5)
