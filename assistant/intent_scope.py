"""Whether messages are any of a team's intents at all, each by itself or seen together with others.

A message by itself is judged by a threshold. Of many together it shows how many are out of scope, without labels, and
each is judged in that light. Knows signals and numbers only; they are fitted in `training/intent_acceptance.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

OUTSIDE_SHARE = 0.35  # of messages taken to be out of scope where nothing is known of them
BELIEVED = 20  # messages that this assumption counts as much as
FEWEST_TOGETHER = 100  # messages from which on it shows how many are out of scope
ROUNDS, SETTLED = 500, 1e-6


@dataclass(frozen=True, slots=True)
class Acceptor:
    """What the `k` signals of how sure a judgement is say of it, all under the assumed share out of scope."""

    right: np.ndarray  # (k + 1,) logistic weights, bias last: that the best intent is the message's
    inside: np.ndarray  # (k + 1,) the same: that any of the intents is
    threshold: float  # least chance of being right of a message by itself
    surest: float  # `odds` from which on a message is accepted whatever it is seen together with

    def judge(self, best: np.ndarray, signals: np.ndarray) -> Judged:
        """What (n,) best intents with their (n, k) signals come to."""
        right, inside = logistic(self.right, signals), logistic(self.inside, signals)
        return Judged(best, right, inside, right >= self.threshold, np.full(len(best), self.surest))

    def tensors(self, prefix: str) -> dict[str, np.ndarray]:
        """For a safetensors file."""
        return {f"{prefix}.right": self.right, f"{prefix}.inside": self.inside}

    def about(self) -> dict[str, float]:
        """The rest, as JSON."""
        return {"threshold": self.threshold, "surest": self.surest}


@dataclass(frozen=True, slots=True)
class Judged:
    """Messages by the intent each is most likely to be of."""

    best: np.ndarray  # (n,) numbers of intents
    right: np.ndarray  # (n,) chances that it is this intent
    inside: np.ndarray  # (n,) chances that it is any intent
    taken: np.ndarray  # (n,) whether each by itself counts as its intent
    surest: np.ndarray  # (n,) odds from which on it does whatever it is seen together with

    def where(self, rows: np.ndarray, other: Judged) -> Judged:
        """The rows of the other, (n,) truths, and these for the rest."""
        return Judged(
            best=np.where(rows, other.best, self.best),
            right=np.where(rows, other.right, self.right),
            inside=np.where(rows, other.inside, self.inside),
            taken=np.where(rows, other.taken, self.taken),
            surest=np.where(rows, other.surest, self.surest),
        )

    def taken_together(self) -> np.ndarray:
        """(n,) whether each counts as its intent, seen together; as by itself where they are too few.

        It does where its intent is likelier right than the message out of scope, by the share that this batch shows.
        """
        if len(self.best) < FEWEST_TOGETHER:
            return self.taken
        least = _odds(outside_share(self.inside)) / _odds(OUTSIDE_SHARE)
        return np.asarray(odds(self.right, self.inside) >= np.minimum(least, self.surest))


def all_of(parts: Sequence[Judged]) -> Judged:
    """One after the other; at least one."""
    best, right, inside, taken, surest = (
        np.concatenate([getattr(part, name) for part in parts]) for name in Judged.__slots__
    )
    return Judged(best, right, inside, taken, surest)


def acceptor_from(about: Mapping[str, Any], tensors: Mapping[str, np.ndarray], prefix: str) -> Acceptor:
    """The acceptor of which `tensors` and `about` were stored."""
    right, inside = tensors[f"{prefix}.right"], tensors[f"{prefix}.inside"]
    return Acceptor(right, inside, float(about["threshold"]), float(about["surest"]))


def odds(right: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(n,) of being right to being out of scope."""
    return np.asarray(np.minimum(right, inside) / np.maximum(1 - inside, 1e-9))


def outside_share(inside: np.ndarray) -> float:
    """How many of these messages are out of scope, 0..1, by their chances under the assumed share.

    Expectation maximisation over the share alone (Saerens, Latinne and Decaestecker 2002), the assumption counting as
    `BELIEVED` messages.
    """
    share = OUTSIDE_SHARE
    for _ in range(ROUNDS):
        least = _odds(share) / _odds(OUTSIDE_SHARE)
        outside = least * (1 - inside) / (least * (1 - inside) + inside)
        before, share = share, float((outside.sum() + BELIEVED * OUTSIDE_SHARE) / (len(inside) + BELIEVED))
        if abs(share - before) < SETTLED:
            break
    return share


def logistic(weights: np.ndarray, signals: np.ndarray) -> np.ndarray:
    """(n,) chances by (k + 1,) weights."""
    return np.asarray(1 / (1 + np.exp(-(signals @ weights[:-1] + weights[-1]))))


def _odds(share: float) -> float:
    return share / (1 - share)
