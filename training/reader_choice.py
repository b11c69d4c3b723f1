"""Does a tuned copy of an embedder beat the heads alone on examples that neither saw? Only then is it kept.

Knows labelled texts and how to fit heads; nothing of what the classes mean or of who serves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

from assistant.text_heads import TextHeads
from assistant.tuned_reader import TunedReader, keep_reader
from retrieval.embed import load_embedder
from training.reader_tuning import Plan, Progress, Source, Tuning

FEWEST, MOST = 300, 10_000  # examples: with fewer there is nothing to choose by, more take too long
ALL_AGAIN = 3000  # examples up to which the copy that serves is tuned to those held out too
HELD_OUT = 10  # every so many examples
RATIOS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # of the copy's opinion to that of the heads
SCALES = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5)
SEED = 21


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts with the vectors (n, d) the heads learn from and class numbers 0..c-1 without gaps."""

    texts: tuple[str, ...]
    vectors: np.ndarray
    labels: np.ndarray

    def take(self, numbers: np.ndarray) -> Labelled:
        """Some of them."""
        return Labelled(tuple(self.texts[i] for i in numbers), self.vectors[numbers], self.labels[numbers])


@dataclass(frozen=True, slots=True)
class Choice:
    """The copy if it is better, and the macro-F1 of the held-out examples without and with it."""

    reader: TunedReader | None
    heads: float
    together: float


def choose_reader(
    examples: Labelled,
    fit: Callable[[Labelled], TextHeads],
    source: Source,
    plan: Plan,
    folder: Path,
    progress: Progress,
) -> Choice | None:
    """Tune to nine tenths, weigh heads and copy by the rest, and keep the copy in `folder` if it helps.

    None where there are too few examples to tell.
    """
    if len(examples.texts) < FEWEST:
        return None
    order = np.random.default_rng(SEED).permutation(len(examples.texts))[:MOST]
    held, rest = examples.take(order[::HELD_OUT]), examples.take(np.delete(order, np.s_[::HELD_OUT]))
    if len(np.unique(rest.labels)) <= examples.labels.max():
        return None
    tuning = Tuning(source, rest.texts, rest.labels)
    tuning.run(plan, progress)
    heads = fit(rest).log_chances(held.vectors, held.texts)
    own = tuning.vectors(held.texts) @ tuning.prototypes
    own -= np.logaddexp.reduce(own, axis=1, keepdims=True)
    scores = [float(f1_score(held.labels, (heads + ratio * own).argmax(axis=1), average="macro")) for ratio in RATIOS]
    best = int(np.argmax(scores))
    if best == 0:
        return Choice(None, scores[0], scores[0])
    weights = _scale(heads + RATIOS[best] * own, held.labels) * np.array([1, RATIOS[best]], dtype=np.float32)
    if len(examples.texts) <= ALL_AGAIN:
        tuning = Tuning(source, examples.texts, examples.labels)
        tuning.run(plan, progress)
    return Choice(_kept(tuning, weights, folder), scores[0], scores[best])


def _scale(logits: np.ndarray, labels: np.ndarray) -> float:
    """What makes the chances as honest as can be."""
    rows = np.arange(len(labels))
    losses = [float((np.logaddexp.reduce(k * logits, axis=1) - k * logits[rows, labels]).mean()) for k in SCALES]
    return SCALES[int(np.argmin(losses))]


def _kept(tuning: Tuning, weights: np.ndarray, folder: Path) -> TunedReader:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".reader-", dir=folder) as name:
        made = Path(name) / "made"
        tuning.write(made)
        kept = keep_reader(made, folder)
    return TunedReader(kept, load_embedder(str(kept)), tuning.prototypes, weights)


def widened(reader: TunedReader, classes: np.ndarray, width: int) -> TunedReader:
    """Columns for every class 0..width-1; the heads see to it that one without examples never wins."""
    wide = np.zeros((len(reader.prototypes), width), dtype=np.float32)
    wide[:, classes] = reader.prototypes
    return replace(reader, prototypes=wide)
