"""Fit a team's own calibration of the evidence to judged questions, and say how reliable it is.

Platt's two numbers on top of the shipped evidence: monotone, and little to overfit. What is reported is measured by
cross-validation. Knows pairs of evidence and right or wrong; nothing of where they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from assistant.calibration import Calibration, log_odds
from assistant.errors import InvalidInput
from retrieval.recall import auroc, calibration_error

LEAST_CASES, LEAST_OF_EACH = 40, 10
BINS = 10
FOLDS = 5
_PULL = 4.0  # regularisation, as the weight of what the cases say against "leave it as it is"


@dataclass(frozen=True, slots=True)
class Bin:
    """Of the cases whose chance lies in one tenth: their number, mean chance, and share right."""

    cases: int
    chance: float
    right: float


@dataclass(frozen=True, slots=True)
class Risk:
    """Answering from `threshold` on: the share answered, and the share of these that is wrong."""

    threshold: float
    coverage: float
    error: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration with what cross-validation says of it, before and after."""

    calibration: Calibration
    auroc: float
    error_before: float  # expected calibration errors
    error_after: float
    gains: bool  # whether it explains cases that it was not fitted on better than the shipped evidence
    reliability: tuple[Bin, ...]
    risks: tuple[Risk, ...]


def fit(evidence: Sequence[float], right: Sequence[bool], target_error: float, embedder: str) -> Fitted:
    """Fit to judged questions. Raises InvalidInput with too few of them."""
    good = sum(right)
    if len(right) < LEAST_CASES or min(good, len(right) - good) < LEAST_OF_EACH:
        raise InvalidInput(
            f"{len(right)} judged questions, {good} of them answered rightly, are too few to calibrate: at least "
            f"{LEAST_CASES}, and {LEAST_OF_EACH} of each kind. Nothing was changed; rate or review more answers, "
            "or give labelled questions with --cases"
        )
    odds, truth = np.array([log_odds(one) for one in evidence]), np.array(right, dtype=bool)
    chances = _cross_validated(odds, truth)
    risks = risk_curve(chances, truth)
    slope, intercept = _platt(odds, truth)
    shipped = np.asarray(evidence)
    return Fitted(
        Calibration(slope, intercept, threshold_for(risks, target_error), target_error, len(right), embedder),
        auroc(shipped[truth].tolist(), shipped[~truth].tolist()),
        calibration_error(evidence, right),
        calibration_error(chances.tolist(), right),
        _surprise(chances, truth) < _surprise(shipped, truth),
        reliability(chances, truth),
        risks,
    )


def risk_curve(chances: np.ndarray, right: np.ndarray) -> tuple[Risk, ...]:
    """Coverage and error at every threshold that parts the cases, highest first."""
    order = np.argsort(-chances, kind="stable")
    wrong = np.cumsum(~right[order])
    last = np.flatnonzero(np.append(np.diff(chances[order]) != 0, True))  # equal chances are answered together
    return tuple(
        Risk(float(chances[order][n]), float((n + 1) / len(order)), float(wrong[n] / (n + 1))) for n in last.tolist()
    )


def threshold_for(risks: Sequence[Risk], target_error: float) -> float | None:
    """The threshold that answers most within the target error; None where none does."""
    within = [risk for risk in risks if risk.error <= target_error]
    return within[-1].threshold if within else None


def reliability(chances: np.ndarray, right: np.ndarray) -> tuple[Bin, ...]:
    """Tenths of the chance that have cases, lowest first."""
    places = np.minimum((chances * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(int((places == n).sum()), float(chances[places == n].mean()), float(right[places == n].mean()))
        for n in sorted(set(places.tolist()))
    )


def _platt(odds: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Slope (never below a tenth, so that more evidence stays more) and intercept."""
    model = LogisticRegression(C=_PULL).fit((odds / max(odds.std(), 1e-9))[:, None], right)
    slope = max(0.1, float(model.coef_[0, 0]) / max(float(odds.std()), 1e-9))
    return slope, float(model.intercept_[0])


def _cross_validated(odds: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(cases,) the chance of each from the other folds."""
    chances = np.empty(len(odds))
    for rest, held in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(odds[:, None], right):
        slope, intercept = _platt(odds[rest], right[rest])
        chances[held] = 1 / (1 + np.exp(-(slope * odds[held] + intercept)))
    return chances


def _surprise(chances: np.ndarray, right: np.ndarray) -> float:
    """Mean negative log likelihood."""
    inside = np.clip(chances, 1e-6, 1 - 1e-6)
    return float(-np.log(np.where(right, inside, 1 - inside)).mean())
