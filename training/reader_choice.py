"""Does a tuned copy of an embedder beat the heads alone on examples that neither saw? Only then is it kept.

Knows labelled texts and how to fit heads; nothing of what the classes mean or of who serves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import numpy as np
from scipy.special import log_softmax
from sklearn.metrics import f1_score

from assistant.text_heads import TextHeads
from assistant.tuned_reader import TunedReader, joint_chances, keep_reader, load_copy
from training.reader_tuning import Plan, Progress, Source, Tuning
from training.text_fit import Examples, honest_scale

FEWEST, MOST = 150, 10_000  # examples: with fewer there is nothing to choose by, more take too long
ALL_AGAIN = 3000  # examples up to which the copy that serves is tuned to those held out too
HELD_OUT, HELD_OUT_OF_FEW = 10, 3  # every so many examples
RATIOS = (1.0, 2.0)  # of the copy's opinion to that of the heads; finer ones would be chosen by chance
SEED = 21


# How well held-out examples are judged without and with the copy, and whether it serves; stored and shown as JSON.
Tried = TypedDict("Tried", {"without": float, "with": float, "serves": bool})  # "with" is a keyword elsewhere


@dataclass(frozen=True, slots=True)
class Choice:
    """The copy if it is better, and the macro-F1 of the held-out examples without and with it."""

    reader: TunedReader | None
    heads: float
    together: float

    def told(self) -> Tried:
        """Without the copy itself."""
        return told(self.heads, self.together, self.reader is not None)


def told(heads: float, together: float, serves: bool) -> Tried:
    """Rounded, for people and the database."""
    return {"without": round(heads, 4), "with": round(together, 4), "serves": serves}


def choose_reader(
    examples: Examples,
    always: Examples,
    fit: Callable[[Examples], TextHeads],
    source: Source,
    plan: Plan,
    folder: Path,
    progress: Progress,
) -> Choice | None:
    """Tune to most examples, weigh heads and copy by the rest, and keep the copy in `folder` if it helps.

    It helps if the rest becomes likelier with it and macro-F1 is no lower. `always` is learnt from and never held out.
    None where there are too few to tell.
    """
    if len(examples.texts) < FEWEST:
        return None
    order = np.random.default_rng(SEED).permutation(len(examples.texts))[:MOST]
    every = HELD_OUT_OF_FEW if len(order) <= ALL_AGAIN else HELD_OUT
    held, rest = examples.take(order[::every]), examples.take(np.delete(order, np.s_[::every]))
    if len(np.unique(rest.labels)) <= examples.labels.max():
        return None
    learnt = rest.joined(always)
    tuning = Tuning(source, learnt.texts, learnt.labels)
    tuning.run(plan, progress)
    others = np.setdiff1d(np.arange(len(examples.texts)), order[::every])  # the heads that serve learn from all of them
    heads = fit(examples.take(others).joined(always)).log_chances(held.vectors, held.texts)
    opinion = tuning.vectors(held.texts) @ tuning.prototypes
    weights, helps = weigh(heads, opinion, held.labels)
    alone, both = (
        float(f1_score(held.labels, log_chances.argmax(axis=1), average="macro"))
        for log_chances in (heads, joint_chances(heads, opinion, weights))
    )
    if not helps or both < alone:
        return Choice(None, alone, both)
    if len(examples.texts) <= ALL_AGAIN:
        learnt = examples.joined(always)
        tuning = Tuning(source, learnt.texts, learnt.labels)
        tuning.run(plan, progress)
    return Choice(kept_copy(tuning, weights, folder), alone, both)


def weigh(heads: np.ndarray, opinion: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, bool]:
    """How much the heads' (n, c) log chances and a copy's scaled cosines count, and whether the copy helps at all.

    It helps if the true classes of held-out examples become likelier with it: on few examples likelihoods tell more
    than counts.
    """
    weights, losses = zip(*(scaled(heads, opinion, truth, ratio) for ratio in (0.0, *RATIOS)), strict=True)
    best = 1 + int(np.argmin(losses[1:]))
    return weights[best], losses[best] < losses[0]


def scaled(heads: np.ndarray, opinion: np.ndarray, truth: np.ndarray, ratio: float) -> tuple[np.ndarray, float]:
    """(2,) weights of both, the copy counting `ratio` times as much, and the loss in nats with them."""
    scale, loss = honest_scale(heads + ratio * log_softmax(opinion, axis=1), truth)
    return scale * np.array([1, ratio], dtype=np.float32), loss


def kept_copy(tuning: Tuning, weights: np.ndarray, folder: Path) -> TunedReader:
    """What was tuned, written into `folder` whole or not at all, and loaded from there."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".reader-", dir=folder) as name:
        made = Path(name) / "made"
        tuning.write(made)
        kept = keep_reader(made, folder)
    return TunedReader(kept, load_copy(kept), tuning.prototypes, weights)


def widened(reader: TunedReader, classes: np.ndarray, width: int) -> TunedReader:
    """Columns for every class 0..width-1; the heads see to it that one without examples never wins."""
    wide = np.zeros((len(reader.prototypes), width), dtype=np.float32)
    wide[:, classes] = reader.prototypes
    return replace(reader, prototypes=wide)
