"""When a message counts as one of a team's intents, learnt from messages that were held out.

Knows numbers only: signals of how sure a judgement is, and whether it was right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from assistant.intent_scope import OUTSIDE_SHARE, Acceptor, logistic, odds
from training.intent_rounds import HeldOut

UNSEEN = 15  # over the number of examples: the share of rightly recognised messages that the threshold may cost
MOST_REFUSED = (0.005, 0.05)  # least and most of that share
TOGETHER = 2  # times that share where it is known how many messages are out of scope


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An acceptor and what it does with the messages held out: shares 0..1."""

    acceptor: Acceptor
    accuracy: float  # of in-scope messages, before any is refused
    kept: float  # in-scope messages that are accepted with the right intent
    refused: float  # out-of-scope messages that are refused

    @property
    def right(self) -> float:
        """Messages of the assumed mixture that are judged rightly."""
        return (1 - OUTSIDE_SHARE) * self.kept + OUTSIDE_SHARE * self.refused

    def told(self) -> dict[str, float]:
        """Rounded, for people and the database."""
        return {
            "accuracy": round(self.accuracy, 4),
            "kept": round(self.kept, 4),
            "refused": round(self.refused, 4),
            "threshold": round(self.acceptor.threshold, 4),
        }


def learn_acceptance(held_out: HeldOut, examples: int) -> Acceptance:
    """Fit to messages held out of `examples`."""
    inside = held_out.weight[:, 0] > 0
    weights = _fit_weights(held_out, held_out.right), _fit_weights(held_out, inside)
    chances, insides = (logistic(fitted, held_out.signals) for fitted in weights)
    budget = float(np.clip(UNSEEN / examples, *MOST_REFUSED))
    acceptor = Acceptor(
        *weights,
        threshold=_threshold(chances, held_out, budget),
        surest=float(np.quantile(odds(chances, insides)[held_out.right], TOGETHER * budget)),
    )
    right, taken = held_out.right[inside], chances >= acceptor.threshold
    return Acceptance(
        acceptor,
        accuracy=float(right.mean()),
        kept=float((right & taken[inside]).mean()),
        refused=float(np.average(~taken[~inside], weights=held_out.weight[~inside, 1])),
    )


def _fit_weights(held_out: HeldOut, true: np.ndarray) -> np.ndarray:
    middle = held_out.signals.mean(axis=0)
    spread = held_out.signals.std(axis=0) + 1e-6
    weight = _mixture(held_out.weight) * len(true)
    fitted = LogisticRegression(C=1.0, max_iter=500).fit(
        (held_out.signals - middle) / spread, true, sample_weight=weight
    )
    scaled = fitted.coef_[0] / spread
    return np.append(scaled, fitted.intercept_[0] - scaled @ middle).astype(np.float32)


def _mixture(weight: np.ndarray) -> np.ndarray:
    return np.asarray((1 - OUTSIDE_SHARE) * weight[:, 0] + OUTSIDE_SHARE * weight[:, 1])


def _threshold(chances: np.ndarray, held_out: HeldOut, budget: float) -> float:
    """Where the fewest messages of the assumed mixture go wrong: a wrong intent, a refusal, or a missed refusal.

    But it costs at most the budget, a share of the rightly recognised messages: a team with few examples has not seen
    most of what customers want, one with thousands has.
    """
    weight = _mixture(held_out.weight)
    outside = held_out.weight[:, 1] > 0
    candidates = np.quantile(chances, np.linspace(0, 0.99, 200))
    won = [(weight * np.where(chances >= level, held_out.right, outside)).sum() for level in candidates]
    best = max(won)
    free = float(np.mean([c for c, w in zip(candidates, won, strict=True) if w >= best - 1e-3]))
    return min(free, float(np.quantile(chances[held_out.right], budget)))
