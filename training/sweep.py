"""Successive halving over a few recipes: all start small, the better half goes on with more data.

Knows recipes and validation losses; nothing of how training works.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from training.recipe import Recipe

FIRST_SHARE = 0.125  # of the recipe's epochs in the first round


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe in one round and the validation loss it reached (nats a token)."""

    round: int
    recipe: Recipe
    validation_loss: float


@dataclass(frozen=True, slots=True)
class Sweep:
    """The winning recipe at full length, and every trial in the order it ran."""

    best: Recipe
    trials: tuple[Trial, ...]


def successive_halving(candidates: Sequence[Recipe], try_one: Callable[[Recipe], float]) -> Sweep:
    """Halve the candidates round by round, doubling the epochs; `try_one` trains and returns the validation loss."""
    left = list(candidates)
    trials: list[Trial] = []
    share, number = FIRST_SHARE, 0
    while len(left) > 1:
        scored: list[tuple[float, int, Recipe]] = []
        for recipe in left:
            loss = try_one(replace(recipe, epochs=recipe.epochs * share))
            trials.append(Trial(number, recipe, loss))
            scored.append((loss, len(scored), recipe))
        left = [recipe for _, _, recipe in sorted(scored, key=lambda row: row[:2])[: math.ceil(len(left) / 2)]]
        share, number = min(1.0, share * 2), number + 1
    return Sweep(left[0], tuple(trials))
