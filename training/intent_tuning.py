"""Tune copies of the embedders to a team's intents: second opinions on which intent it is and whether it is one.

The default embedder's copy is for the Latin script, that of the embedder for all languages for the others. With few
examples trial copies are kept from some messages and some whole intents; what heads and trial copies say of
those decides which copies serve and when a message counts as none of the intents. Knows intents by number.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assistant.errors import Unavailable
from assistant.intents import SCRIPTS, IntentHeads, IntentModel, IntentReaders, Script, script_of, unsure
from assistant.learned_models import heads_folder
from assistant.settings import Settings
from assistant.text_heads import TextHeads
from assistant.tuned_reader import TunedReader, joint_chances
from training.intent_acceptance import Acceptance, learn_acceptance
from training.intent_rounds import HeldOut, Round, Taught, blended, held_out_of, rehearsal_round, together
from training.reader_choice import (
    ALL_AGAIN,
    FEWEST,
    Tried,
    choose_reader,
    kept_copy,
    scaled,
    told,
)
from training.reader_tuning import Plan, Progress, Source, Tuning, may_tune, tuning_source
from training.text_fit import Examples, fit_text_heads

REHEARSALS = 2
FEWEST_WEIGHED = 30  # held-out messages that a copy must be weighed by
RATIOS = (0.5, 1.0, 2.0)  # of a copy's opinion to that of the heads
UNHEARD = -1e4  # the logarithm of the chance of an intent that was kept from a rehearsal
FEW, MANY = Plan(epochs=8, batch=64, together=1.0), Plan(epochs=5, batch=64, together=1.0)
SEED = 22

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TunedIntents:
    """The copies that help, if any, and what their acceptor does, if they have one.

    `heads` and `together`: how well the heads alone, and with the copies, judge messages that were held out; 0..1.
    """

    readers: IntentReaders | None
    heads: float
    together: float
    acceptance: Acceptance | None = None

    def told(self) -> Tried:
        """Without the copies themselves."""
        return told(self.heads, self.together, self.readers is not None)


def tune_intents(settings: Settings, model: IntentModel, taught: Taught, progress: Progress) -> TunedIntents | None:
    """Tune copies of the default embedders; None where the examples are too few or these embedders not in use."""
    inside = taught.examples.take(taught.examples.labels >= 0)
    if len(inside.texts) > ALL_AGAIN:
        return _by_names_only(settings, model, inside, taught.titles, progress)
    if len(inside.texts) < FEWEST or not may_tune(settings, foreign=False):
        return None
    random = np.random.default_rng(SEED)
    rehearsals = [_rehearsal(model, rehearsal_round(taught, random)) for _ in range(REHEARSALS)]
    if sum(int((one.round.kind == 0).sum()) for one in rehearsals) < FEWEST_WEIGHED:
        return None
    examples = len(taught.examples.texts)
    tried = _SoFar(rehearsals, _acceptance(rehearsals, examples), {})
    alone, best = tried.acceptance, 0.0
    scripts = {script_of(text) for text in inside.texts}
    for script in SCRIPTS:
        foreign = script == "other"
        if script not in scripts or not may_tune(settings, foreign):
            continue
        try:
            with tuning_source(settings, foreign) as source:
                tuner = _Tuner(source, script, heads_folder(settings), examples, progress)
                then, reached = tuner.one_more(tried, inside.joined(taught.titles))
        except Unavailable as error:
            log.warning("intents are told apart without a tuned copy of an embedder: %s", error)
            continue
        tried, best = then, max(best, reached)
    if not tried.copies:
        return TunedIntents(None, alone.right, best)
    acceptance = tried.acceptance
    readers = IntentReaders(tried.copies, acceptance.acceptor)
    return TunedIntents(readers, alone.right, acceptance.right, acceptance)


def _by_names_only(
    settings: Settings, model: IntentModel, inside: Examples, titles: Examples, progress: Progress
) -> TunedIntents | None:
    """With many examples rehearsals would take as long again, and the heads tell well what is out of scope."""
    some = _readable(inside, "latin")
    if not may_tune(settings, foreign=False) or len(np.unique(some.labels)) < len(model.names):
        return None

    def fit(part: Examples) -> TextHeads:
        heads = fit_text_heads(part.vectors, part.texts, part.labels)
        return replace(heads, blend=model.heads.linear.blend)

    with tuning_source(settings, foreign=False) as source:
        choice = choose_reader(some, _readable(titles, "latin"), fit, source, MANY, heads_folder(settings), progress)
    if choice is None:
        return None
    readers = None if choice.reader is None else IntentReaders({"latin": choice.reader}, None)
    return TunedIntents(readers, choice.heads, choice.together)


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    """A round, and what heads and copies so far find of the messages asked in it."""

    round: Round
    heads: IntentHeads
    found: np.ndarray  # (n, c) log chances of the round's intents

    def shown(self, script: Script) -> Examples | None:
        """What a copy learns from; None where it can read nothing of some intent."""
        inside = _readable(self.round.learnt.take(self.round.learnt.labels >= 0), script)
        return inside if _gapless(inside.labels, len(self.round.names)) else None

    def rows(self, script: Script) -> np.ndarray:
        """Numbers of the messages that a copy is asked about."""
        return np.array([n for n, text in enumerate(self.round.asked.texts) if script_of(text) == script], dtype=int)

    def known(self, rows: np.ndarray, opinion: np.ndarray, intents: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What was found and a copy's (rows, c) opinion on those in scope, over all intents, and the true ones."""
        inside = self.round.kind[rows] == 0
        wide = np.full((2, int(inside.sum()), intents), UNHEARD)
        wide[:, :, self.round.names] = self.found[rows[inside]], opinion[inside]
        return wide[0], wide[1], self.round.names[self.round.truth[rows[inside]]]

    def refined(self, rows: np.ndarray, opinion: np.ndarray, weights: np.ndarray) -> _Rehearsal:
        """After a copy was asked, as `IntentReaders.refine` does it."""
        found, asked = self.found.copy(), unsure(self.found[rows])
        found[rows[asked]] = joint_chances(found[rows[asked]], opinion[asked], weights)
        return replace(self, found=found)

    def judged(self) -> HeldOut:
        """What heads and copies come to."""
        asked = self.round.asked
        return held_out_of(self.round, *self.heads.weigh(self.found, asked.vectors, asked.texts))


@dataclass(frozen=True, slots=True)
class _SoFar:
    """The copies so far, and what they come to in the rehearsals."""

    rehearsals: Sequence[_Rehearsal]
    acceptance: Acceptance
    copies: Mapping[Script, TunedReader]


@dataclass(frozen=True, slots=True)
class _Tuner:
    """Tunes copies of one embedder."""

    source: Source
    script: Script
    folder: Path
    examples: int  # of the team, out of scope too
    progress: Progress

    def one_more(self, before: _SoFar, everything: Examples) -> tuple[_SoFar, float]:
        """With a copy more unless it judges fewer messages rightly, and how many it does."""
        everything, rehearsals = _readable(everything, self.script), before.rehearsals
        intents = int(everything.labels.max(initial=-1)) + 1
        shown = [part for one in rehearsals if (part := one.shown(self.script)) is not None]
        rows = [one.rows(self.script) for one in rehearsals]
        weighed_by = sum(int((one.round.kind[some] == 0).sum()) for one, some in zip(rehearsals, rows, strict=True))
        if len(shown) < len(rehearsals) or not _gapless(everything.labels, intents) or weighed_by < FEWEST_WEIGHED:
            return before, 0.0
        opinions = [self._opinion(part, one, some) for part, one, some in zip(shown, rehearsals, rows, strict=True)]
        asked = list(zip(rehearsals, rows, opinions, strict=True))
        found, opinion, truth = zip(*(one.known(some, said, intents) for one, some, said in asked), strict=True)
        known = np.concatenate(found), np.concatenate(opinion), np.concatenate(truth)
        weighings = [scaled(*known, ratio)[0] for ratio in RATIOS]
        after = [[one.refined(some, said, weights) for one, some, said in asked] for weights in weighings]
        acceptances = [_acceptance(refined, self.examples) for refined in after]
        best = int(np.argmax([acceptance.right for acceptance in acceptances]))
        if acceptances[best].right < before.acceptance.right:
            return before, acceptances[best].right
        copies = {**before.copies, self.script: kept_copy(self._tuned_to(everything), weighings[best], self.folder)}
        return _SoFar(after[best], acceptances[best], copies), acceptances[best].right

    def _opinion(self, part: Examples, rehearsal: _Rehearsal, rows: np.ndarray) -> np.ndarray:
        copy = self._tuned_to(part)
        return np.asarray(copy.vectors([rehearsal.round.asked.texts[row] for row in rows]) @ copy.prototypes)

    def _tuned_to(self, examples: Examples) -> Tuning:
        tuning = Tuning(self.source, examples.texts, examples.labels)
        tuning.run(FEW, self.progress)
        return tuning


def _rehearsal(model: IntentModel, held_out: Round) -> _Rehearsal:
    heads, asked = blended(held_out.heads, model.heads.linear.blend), held_out.asked
    found = heads.linear.log_chances(asked.vectors, asked.texts)
    return _Rehearsal(held_out, heads, found)


def _acceptance(rehearsals: Sequence[_Rehearsal], examples: int) -> Acceptance:
    return learn_acceptance(together([one.judged() for one in rehearsals]), examples)


def _gapless(labels: np.ndarray, classes: int) -> bool:
    return len(np.unique(labels)) == classes


def _readable(examples: Examples, script: Script) -> Examples:
    """What a copy can learn from: that of the embedder for all languages, from all."""
    return examples.take(np.array([script in ("other", script_of(text)) for text in examples.texts], dtype=bool))
