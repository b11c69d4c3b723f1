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
    margin: float  # that cosine less the second document's
    coverage: float  # share of the question's terms in the hit, weighted by rarity
    head_coverage: float  # the same for the hit's question or headings only
    keywords: float  # the hit's BM25 score as a share of the best passage's
    unknown: float  # share of the question's terms that occur nowhere, weighted by rarity
    length: float  # log of the number of the question's terms plus one


INTERCEPT = -9.0
WEIGHTS = (14.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0)


def probability(signals: Signals) -> float:
    """The chance 0..1 that the question is answered."""
    total = INTERCEPT + sum(weight * value for weight, value in zip(WEIGHTS, astuple(signals), strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
