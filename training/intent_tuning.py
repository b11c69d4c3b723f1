"""Tune a copy of the embedder to a team's intents: a second opinion on which intent it is and whether it is one.

With few examples two trial copies are each kept from some messages and some whole intents; what heads and trial copies
say of those decides whether a copy serves and when a message counts as none of the intents. Knows intents by number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assistant.intents import IntentHeads, IntentModel, IntentReader
from assistant.learned_models import heads_folder
from assistant.settings import Settings
from assistant.text_heads import TextHeads
from assistant.tuned_reader import joint_chances
from retrieval.scripts import is_foreign
from training.intent_acceptance import Acceptance, learn_acceptance
from training.intent_rounds import HeldOut, Round, Taught, blended, held_out_of, one_round, together
from training.reader_choice import (
    ALL_AGAIN,
    FEWEST,
    HELD_OUT_OF_FEW,
    Choice,
    Tried,
    choose_reader,
    kept_copy,
    told,
    weigh,
)
from training.reader_tuning import Plan, Progress, Source, Tuning, may_tune, tuning_source
from training.text_fit import Examples, fit_text_heads

TRIALS = 2
LEFT_OUT = 5  # one intent in so many is kept from a trial
HEADS_ALONE = np.array([1, 0], np.float32)
NOISE = 0.01  # a difference in what is judged rightly that a few hundred messages do not tell
UNHEARD = -1e4  # the logarithm of the chance of an intent that was kept from it
FEW, MANY = Plan(epochs=8, batch=64, together=1.0), Plan(epochs=5, batch=64, together=1.0)
SEED = 22


@dataclass(frozen=True, slots=True)
class TunedIntents:
    """The reader if it helps, and what its acceptor does, if it has one.

    `heads` and `together`: how well the heads alone, and with the copy, judge messages that were held out; 0..1.
    """

    reader: IntentReader | None
    heads: float
    together: float
    acceptance: Acceptance | None = None

    def told(self) -> Tried:
        """Without the copy itself."""
        return told(self.heads, self.together, self.reader is not None)


def tune_intents(settings: Settings, model: IntentModel, taught: Taught, progress: Progress) -> TunedIntents | None:
    """Tune a copy of the default embedder to what is in the Latin script; None if that is too little."""
    some = _readable(taught)
    inside = some.examples.take(some.examples.labels >= 0)
    if not may_tune(settings, foreign=False) or len(np.unique(inside.labels)) < len(model.names):
        return None
    folder = heads_folder(settings)
    with tuning_source(settings, foreign=False) as source:
        if len(inside.texts) > ALL_AGAIN:
            return _by_names_only(choose_reader(inside, some.titles, _fitting(model), source, MANY, folder, progress))
        return _by_trials(model, some, inside, source, folder, progress) if len(inside.texts) >= FEWEST else None


def _by_names_only(choice: Choice | None) -> TunedIntents | None:
    """With many examples trials would take as long again, and the heads tell well what is out of scope."""
    if choice is None:
        return None
    reader = None if choice.reader is None else IntentReader(choice.reader, None)
    return TunedIntents(reader, choice.heads, choice.together)


def _by_trials(
    model: IntentModel, some: Taught, inside: Examples, source: Source, folder: Path, progress: Progress
) -> TunedIntents:
    random = np.random.default_rng(SEED)
    rehearsals = [_rehearse(model, _trial_round(some, random), source, progress) for _ in range(TRIALS)]
    alone, opinion, truth = zip(*(one.known(len(some.names)) for one in rehearsals), strict=True)
    weights, helps = weigh(np.concatenate(alone), np.concatenate(opinion), np.concatenate(truth))
    heads, both = (
        learn_acceptance(together([one.judged(share) for one in rehearsals]), len(some.examples.texts))
        for share in (HEADS_ALONE, weights)
    )
    if not helps or both.right < heads.right - NOISE:
        return TunedIntents(None, heads.right, both.right)
    copy = kept_copy(_tuned_to(inside.joined(some.titles), source, progress), weights, folder)
    return TunedIntents(IntentReader(copy, both.acceptor), heads.right, both.right, both)


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    """A round, and what its heads and its copy say of the messages asked in it: (n, c) each, of the round's intents."""

    round: Round
    heads: IntentHeads
    alone: np.ndarray  # log chances
    opinion: np.ndarray  # scaled cosines

    def known(self, intents: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of messages in scope, both over all intents, and the true ones."""
        rows = np.flatnonzero(self.round.kind == 0)
        wide = np.full((2, len(rows), intents), UNHEARD)
        wide[:, :, self.round.names] = self.alone[rows], self.opinion[rows]
        return wide[0], wide[1], self.round.names[self.round.truth[rows]]

    def judged(self, weights: np.ndarray) -> HeldOut:
        """What heads and copy together come to."""
        joint, asked = joint_chances(self.alone, self.opinion, weights), self.round.asked
        return held_out_of(self.round, *self.heads.weigh(joint, asked.vectors, asked.texts))


def _rehearse(model: IntentModel, held_out: Round, source: Source, progress: Progress) -> _Rehearsal:
    copy = _tuned_to(held_out.learnt.take(held_out.learnt.labels >= 0), source, progress)
    heads, asked = blended(held_out.heads, model.heads.linear.blend), held_out.asked
    alone = heads.linear.log_chances(asked.vectors, asked.texts)
    return _Rehearsal(held_out, heads, alone, copy.vectors(asked.texts) @ copy.prototypes)


def _trial_round(some: Taught, random: np.random.Generator) -> Round:
    """Without a third of the messages and a fifth of the intents."""
    labels, intents = some.examples.labels, len(some.names)
    held = np.zeros(len(labels), dtype=bool)
    held[random.permutation(len(labels))[::HELD_OUT_OF_FEW]] = True
    left_out = np.zeros(intents, dtype=bool)
    left_out[random.permutation(intents)[: intents // LEFT_OUT]] = True
    return one_round(some, held, left_out)


def _tuned_to(examples: Examples, source: Source, progress: Progress) -> Tuning:
    tuning = Tuning(source, examples.texts, examples.labels)
    tuning.run(FEW, progress)
    return tuning


def _fitting(model: IntentModel) -> Callable[[Examples], TextHeads]:
    def fit(part: Examples) -> TextHeads:
        heads = fit_text_heads(part.vectors, part.texts, part.labels)
        return replace(heads, blend=model.heads.linear.blend)

    return fit


def _readable(taught: Taught) -> Taught:
    """What the default embedder can read."""

    def latin(part: Examples) -> Examples:
        return part.take(np.array([not is_foreign(text) for text in part.texts], dtype=bool))

    return replace(
        taught, titles=latin(taught.titles), examples=latin(taught.examples), background=latin(taught.background)
    )
