"""Rounds in which some messages and some whole intents are kept from the heads, and what the heads then say of them.

The messages of intents left out, near the others in style and subject, stand for what is out of scope. Knows numbers
only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assistant.intents import IntentHeads
from training.text_fit import Examples, fit_text_heads

FOLDS = 5
MOST_COMPARED = 20_000  # examples kept for the nearest-example signals
BUSINESS = 0.75  # likeness to an example from which on a background sentence is the team's business after all
HELD_OUT = 3  # one example in so many is kept from a rehearsal
LEFT_OUT = 5  # and one intent in so many
SEED = 20


@dataclass(frozen=True, slots=True)
class Taught:
    """What a team teaches: its intents by name, examples of them, and sentences that are no company's business.

    `titles`: the names as a customer might say them, in order; always learnt from, never asked.
    """

    names: tuple[str, ...]
    titles: Examples
    examples: Examples
    background: Examples


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Judgements of messages that the heads had not seen. `right`: best intent is the true one."""

    signals: np.ndarray
    right: np.ndarray
    weight: np.ndarray
    pairs: tuple[tuple[int, int], ...]  # true and best intent of those in scope


def fit_heads(examples: Examples) -> IntentHeads:
    """Both heads on the in-scope examples, the labels being 0..c-1 without gaps; the blend is yet to be found."""
    inside = examples.take(examples.labels >= 0)
    compared = _spread(inside.labels, MOST_COMPARED)
    return IntentHeads(
        linear=fit_text_heads(inside.vectors, inside.texts, inside.labels),
        examples=inside.vectors[compared].astype(np.float32),
        owner=inside.labels[compared].astype(np.int32),
        outside=examples.vectors[examples.labels < 0].astype(np.float32),
    )


def blended(heads: IntentHeads, blend: np.ndarray) -> IntentHeads:
    """The heads with these weights of the two."""
    return replace(heads, linear=replace(heads.linear, blend=blend))


def _spread(labels: np.ndarray, most: int) -> np.ndarray:
    """At most `most` numbers of examples, the larger intents giving way first."""
    if len(labels) <= most:
        return np.arange(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        turn[rows] = np.arange(len(rows))
    return np.sort(np.argsort(turn, kind="stable")[:most])


@dataclass(frozen=True, slots=True)
class Round:
    """Heads fitted without some messages and some intents, and those messages; `truth` -1 is out of scope."""

    heads: IntentHeads
    names: np.ndarray  # number of each of the heads' intents among all
    learnt: Examples  # what the heads were fitted on, labels as in `names`
    asked: Examples  # labels as in `names`
    kind: np.ndarray  # 0 in scope, 1 an intent left out, 2 background, 3 given as out of scope
    dense: np.ndarray
    sparse: np.ndarray
    truth: np.ndarray


def one_round(taught: Taught, held: np.ndarray, left_out: np.ndarray) -> Round:
    """Fit without the examples `held`, (n,), and without those of the intents `left_out`, (c,)."""
    examples, titles = taught.examples, taught.titles
    gone = (examples.labels >= 0) & left_out[examples.labels]
    training = examples.take(~held & ~gone)
    names = np.unique(training.labels[training.labels >= 0])
    training = training.joined(titles.take(np.isin(titles.labels, names)))
    position = np.full(int(examples.labels.max()) + 2, -1)  # the last entry serves label -1
    position[names] = np.arange(len(names))
    learnt = replace(training, labels=position[training.labels])
    heads = fit_heads(learnt)
    inside = examples.take(held & ~gone & (position[examples.labels] >= 0))
    left = examples.take(gone)
    outside = examples.take(held & (examples.labels < 0))
    parts = (inside, left, taught.background, outside)
    asked = Examples(
        tuple(text for part in parts for text in part.texts),
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([position[inside.labels], *(np.full(len(part.texts), -1) for part in parts[1:])]),
    )
    kind = np.repeat(np.arange(4), [len(part.texts) for part in parts])
    dense, sparse = heads.linear.logits(asked.vectors, asked.texts)
    return Round(heads, names, learnt, asked, kind, dense, sparse, asked.labels)


def rehearsal_round(taught: Taught, random: np.random.Generator) -> Round:
    """Without a third of the examples and a fifth of the intents; one example of every intent is never held out."""
    labels, intents = taught.examples.labels, len(taught.names)
    order = random.permutation(len(labels))
    held = np.zeros(len(labels), dtype=bool)
    held[order[::HELD_OUT]] = True
    held[order[np.unique(labels[order], return_index=True)[1]]] = False
    left_out = np.zeros(intents, dtype=bool)
    left_out[random.permutation(intents)[: intents // LEFT_OUT]] = True
    return one_round(taught, held, left_out)


def held_out_of(judged: Round, best: np.ndarray, signals: np.ndarray) -> HeldOut:
    """What best intents and signals of the round's messages come to; signals as `IntentHeads.weigh` orders them."""
    stray = (judged.kind == 2) & (signals[:, 3] > BUSINESS)
    kind, best, signals = judged.kind[~stray], best[~stray], signals[~stray]
    truth = judged.truth[~stray]
    share = np.array([1.0, 0.5, 0.5, 1.0]) / np.maximum(np.bincount(kind, minlength=4), 1)
    weight = np.zeros((len(kind), 2))
    weight[kind == 0, 0] = share[0]
    weight[kind > 0, 1] = share[kind[kind > 0]]
    weight[kind > 0, 1] /= weight[:, 1].sum()
    inside = kind == 0
    pairs = zip(judged.names[truth[inside]].tolist(), judged.names[best[inside]].tolist(), strict=True)
    return HeldOut(signals, inside & (truth == best), weight, tuple(pairs))


def together(parts: Sequence[HeldOut]) -> HeldOut:
    """All of them, each round counting as much."""
    return HeldOut(
        np.concatenate([p.signals for p in parts]),
        np.concatenate([p.right for p in parts]),
        np.concatenate([p.weight for p in parts]) / len(parts),
        tuple(pair for p in parts for pair in p.pairs),
    )


def folds(examples: Examples) -> np.ndarray:
    """Every intent's examples laid along their main direction and cut into folds; the only one is always trained on.

    Neighbours share a fold: examples are often reworded from each other, customers' messages are not, and random folds
    would promise too much.
    """
    fold = np.full(len(examples.labels), -1)
    for label in np.unique(examples.labels):
        rows = np.flatnonzero(examples.labels == label)
        if len(rows) > 1:
            centred = examples.vectors[rows] - examples.vectors[rows].mean(axis=0)
            direction = np.linalg.svd(centred, full_matrices=False)[2][0]
            rows = rows[np.argsort(centred @ direction, kind="stable")]
            fold[rows] = (np.arange(len(rows)) * FOLDS // len(rows) + label) % FOLDS
    return fold
