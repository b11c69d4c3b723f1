"""Scores agree with what they are named after, also for Chinese, and intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from training.scores import bleu, chrf, mean_interval, paired_interval, rouge


def test_rouge_counts_shared_words_after_stemming() -> None:
    found = rouge("The parcel arrives tomorrow", "parcels arrive tomorrow morning")
    assert (found.rouge1, found.rouge2, found.rougeL) == pytest.approx((0.75, 2 / 3, 0.75))


def test_rouge_of_equal_and_of_foreign_texts() -> None:
    assert rouge("Yes, we do.", "yes we do").rougeL == 1
    assert rouge("Yes, we do.", "").rouge1 == 0


def test_chinese_is_scored_by_character() -> None:
    found = rouge("您的包裹明天到。", "包裹明天到达")
    assert found.rouge1 == pytest.approx(2 * 5 / (7 + 6))
    assert rouge("您的包裹明天到。", "天气很好").rouge2 == 0
    assert bleu(["您的包裹明天到达您的城市"] * 2, ["您的包裹明天到达您的城市"] * 2) == pytest.approx(100)


def test_bleu_and_chrf_run_from_0_to_100() -> None:
    texts = ["the parcel will arrive tomorrow morning"]
    assert bleu(texts, texts) == pytest.approx(100)
    assert chrf(texts, texts) == pytest.approx(100)
    assert bleu(texts, ["nothing alike here at all"]) < 5


def test_an_interval_covers_the_true_mean_nearly_always() -> None:
    dice = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        interval = mean_interval(dice.normal(3.0, 1.0, 60).tolist(), seed)
        covered += interval.low <= 3.0 <= interval.high
    assert covered >= 88


def test_a_paired_difference_sees_what_separate_means_cannot() -> None:
    theirs = np.random.default_rng(1).uniform(0, 1, 100)
    change = paired_interval((theirs + 0.02).tolist(), theirs.tolist())
    assert change.low == pytest.approx(0.02) == change.high
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_interval([1.0], [1.0, 2.0])
