"""The calibrated chance that the hits of a search answer its question, from a few signals of the search.

A logistic model, one for FAQ entries and one for other passages; the weights are fitted by `benchmarks/fit_evidence.py`
on several knowledge bases from which documents were taken away. Knows nothing of indexes or texts.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Signals:
    """What a search shows about its best hit; all are comparable between knowledge bases."""

    cosine: float  # of the question and the best hit
    lead: float  # that cosine less the mean of the next ten documents'
    coverage: float  # share of the question's telling terms in the hit, weighted by rarity
    strange: float  # share of the telling terms that no passage has, if the question leans on earlier ones
    faq: bool  # whether the best hit is a FAQ entry

    @property
    def values(self) -> tuple[float, ...]:
        """The numbers that are weighed, in order."""
        return astuple(self)[:4]


@dataclass(frozen=True, slots=True)
class Weighing:
    """A logistic model of the signals."""

    intercept: float
    weights: tuple[float, ...]

    def __call__(self, signals: Signals) -> float:
        """The chance 0..1 that the question is answered."""
        total = self.intercept + sum(w * value for w, value in zip(self.weights, signals.values, strict=True))
        return 1 / (1 + math.exp(-total))


FAQ = Weighing(-6.73, (8.00, 10.30, 0.00, -2.58))
DOCUMENT = Weighing(-4.02, (3.00, 8.93, 2.84, -2.58))
# The same for the cosines of the embedder for all languages.
MULTILINGUAL_FAQ = Weighing(-6.01, (5.14, 20.72, 0.0, -2.58))
MULTILINGUAL_DOCUMENT = Weighing(-6.01, (5.14, 20.72, 2.31, -2.58))


def probability(signals: Signals, multilingual: bool = False) -> float:
    """The chance 0..1 that the question is answered."""
    if multilingual:
        return MULTILINGUAL_FAQ(signals) if signals.faq else MULTILINGUAL_DOCUMENT(signals)
    return FAQ(signals) if signals.faq else DOCUMENT(signals)
