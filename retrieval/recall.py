"""How well ranked documents match the ones that answer: recall, reciprocal rank, nDCG, and how well evidence separates.

Pure functions over ids and numbers; knows nothing of how they were found.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

Numbers = Sequence[float] | Sequence[bool] | np.ndarray


def first_rank(ranked: Sequence[str], gold: Collection[str]) -> int | None:
    """Place from 1 of the first gold document, None if none is ranked; repeats of a document count once."""
    distinct = dict.fromkeys(ranked)
    return next((place for place, document in enumerate(distinct, 1) if document in gold), None)


def recall_at(ranks: Sequence[int | None], k: int) -> float:
    """Share of questions whose first gold document is among the first `k`; 0 without questions."""
    return sum(rank is not None and rank <= k for rank in ranks) / len(ranks) if ranks else 0.0


def mean_reciprocal_rank(ranks: Sequence[int | None]) -> float:
    """Mean of 1 / first rank, 0 where nothing was found."""
    return sum(1 / rank for rank in ranks if rank is not None) / len(ranks) if ranks else 0.0


def ndcg_at(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """Normalised discounted cumulative gain 0..1 of one question, every gold document worth the same."""
    gains = [document in gold for document in list(dict.fromkeys(ranked))[:k]]
    ideal = sum(1 / math.log2(place + 1) for place in range(1, min(k, len(gold)) + 1))
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1)) / ideal if ideal else 0.0


def auroc(answered: Numbers, unanswered: Numbers) -> float:
    """Chance that an answered question has more evidence than an unanswered one, ties half; nan without either."""
    a, u = np.asarray(answered)[:, None], np.asarray(unanswered)[None, :]
    return float(np.mean((a > u) + 0.5 * (a == u))) if a.size and u.size else math.nan


def refused_at(answered: Numbers, unanswered: Numbers, false_refusals: float) -> float:
    """Share of unanswered questions below the threshold that refuses at most this share of answered ones."""
    threshold = np.sort(answered)[int(false_refusals * len(answered))]
    return float(np.mean(np.asarray(unanswered) < threshold))


def calibration_error(evidence: Numbers, right: Numbers, bins: int = 10) -> float:
    """Expected calibration error 0..1: mean distance of evidence and share right over equal-width bins."""
    p, y = np.asarray(evidence), np.asarray(right, dtype=float)
    places = np.minimum((p * bins).astype(int), bins - 1)
    return float(sum(abs((p - y)[places == b].sum()) for b in range(bins))) / len(p) if len(p) else 0.0
