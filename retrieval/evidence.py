"""The calibrated chance that the hits of a search answer its question, from a few signals of the search.

A logistic model; its weights are fitted by `benchmarks/fit_evidence.py` on several knowledge bases from which
documents were taken away. Knows nothing of indexes or texts.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Signals:
    """What a search shows about its best hit; all are comparable between knowledge bases."""

    cosine: float  # of the question and the best hit
    lead: float  # that cosine less the mean of the next ten documents'
    coverage: float  # share of the question's terms in the hit, weighted by rarity; 0 for a FAQ entry


INTERCEPT = -4.96
WEIGHTS = (5.65, 8.68, 2.37)  # in the order of the signals
MULTILINGUAL_INTERCEPT = -6.01  # the same for the cosines of the embedder for all languages
MULTILINGUAL_WEIGHTS = (5.14, 20.72, 2.31)


def probability(signals: Signals, multilingual: bool = False) -> float:
    """The chance 0..1 that the question is answered."""
    intercept, weights = (MULTILINGUAL_INTERCEPT, MULTILINGUAL_WEIGHTS) if multilingual else (INTERCEPT, WEIGHTS)
    total = intercept + sum(weight * value for weight, value in zip(weights, astuple(signals), strict=True))
    return 1 / (1 + math.exp(-total))
