"""Fit an intent classifier to a team's examples, and by cross-validation when to say that a message is none of them.

Knows numbers only; where examples come from and where models go is `training/intent_training.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assistant.intents import IntentModel
from training.intent_acceptance import Acceptance, learn_acceptance
from training.intent_rounds import (
    FOLDS,
    SEED,
    HeldOut,
    Taught,
    blended,
    fit_heads,
    folds,
    held_out_of,
    one_round,
    together,
)
from training.text_fit import fit_blend

SMALL = 3000  # examples up to which every fold is fitted; above it one split says enough

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class Fit:
    """A model and what cross-validation says of it. `pairs`: true and best intent of each message held out."""

    model: IntentModel
    acceptance: Acceptance
    pairs: tuple[tuple[int, int], ...]


def fit_intents(taught: Taught, progress: Progress) -> Fit:
    """Fit heads and acceptor. Needs at least two intents with two examples each."""
    blend, held_out = _cross_validate(taught, progress)
    acceptance = learn_acceptance(held_out, len(taught.examples.texts))
    progress("Fitting", 0, None)
    heads = blended(fit_heads(taught.examples.joined(taught.titles)), blend)
    return Fit(IntentModel(taught.names, heads, acceptance.acceptor), acceptance, held_out.pairs)


def _cross_validate(taught: Taught, progress: Progress) -> tuple[np.ndarray, HeldOut]:
    random = np.random.default_rng(SEED)
    fold = folds(taught.examples)
    intents = len(taught.names)
    group = random.permutation(intents) % FOLDS if intents > FOLDS else np.full(intents, -1)
    judged = []
    rounds = FOLDS if len(taught.examples.texts) <= SMALL else 1
    for number in range(rounds):
        progress("Cross-validation", number, rounds)
        judged.append(one_round(taught, fold == number, group == number))
    blend = fit_blend([(j.dense, j.sparse, j.truth) for j in judged])
    parts = [held_out_of(j, *blended(j.heads, blend).judge(j.asked.vectors, j.asked.texts)) for j in judged]
    return blend, together(parts)
