"""Fit an intent classifier to a team's examples, and by cross-validation when to say that a message is none of them.

Whole intents are left out in turn: their messages, near the others in style and subject, stand for what is out of
scope. Knows numbers only; where examples come from and where models go is `training/intent_training.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression

from assistant.intents import IntentHeads, IntentModel, accepted
from training.text_fit import Examples, fit_blend, fit_text_heads

SMALL = 3000  # examples up to which every fold is fitted; above it one split says enough
FOLDS = 5
MOST_COMPARED = 20_000  # examples kept for the nearest-example signals
OUTSIDE_SHARE = 0.35  # of messages taken to be out of scope where the threshold is chosen
MOST_REFUSED = (0.01, 0.05)  # of rightly recognised messages: least and most that the threshold may cost
SEED = 20

Progress = Callable[[str, int, int | None], None]


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


@dataclass(frozen=True, slots=True)
class Fit:
    """A model and what cross-validation says of it: shares 0..1."""

    model: IntentModel
    accuracy: float  # of in-scope messages, before any is refused
    kept: float  # in-scope messages that are accepted with the right intent
    refused: float  # out-of-scope messages that are refused
    pairs: tuple[tuple[int, int], ...]


def fit_intents(taught: Taught, progress: Progress) -> Fit:
    """Fit heads and acceptor. Needs at least two intents with two examples each."""
    blend, held_out = _cross_validate(taught, progress)
    acceptor = _fit_acceptor(held_out)
    chances = accepted(held_out.signals, acceptor)
    threshold = _threshold(chances, held_out, len(taught.examples.texts))
    progress("Fitting", 0, None)
    heads = _blended(fit_heads(taught.examples.joined(taught.titles)), blend)
    inside = held_out.weight[:, 0] > 0
    right, taken = held_out.right[inside], chances >= threshold
    return Fit(
        IntentModel(taught.names, heads, acceptor, threshold),
        accuracy=float(right.mean()),
        kept=float((right & taken[inside]).mean()),
        refused=float(np.average(~taken[~inside], weights=held_out.weight[~inside, 1])),
        pairs=held_out.pairs,
    )


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


def _blended(heads: IntentHeads, blend: np.ndarray) -> IntentHeads:
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


def _cross_validate(taught: Taught, progress: Progress) -> tuple[np.ndarray, HeldOut]:
    random = np.random.default_rng(SEED)
    fold = _folds(taught.examples)
    intents = len(taught.names)
    group = random.permutation(intents) % FOLDS if intents > FOLDS else np.full(intents, -1)
    judged = []
    rounds = FOLDS if len(taught.examples.texts) <= SMALL else 1
    for number in range(rounds):
        progress("Cross-validation", number, rounds)
        judged.append(_one_round(taught, fold == number, group == number))
    blend = fit_blend([(j.dense, j.sparse, j.truth) for j in judged])
    return blend, _together([_judgements(j, blend) for j in judged])


@dataclass(frozen=True, slots=True)
class _Round:
    """Heads fitted without some messages and some intents, and those messages; `truth` -1 is out of scope."""

    heads: IntentHeads
    names: np.ndarray  # number of each of the heads' intents among all
    asked: Examples  # labels as in `names`
    kind: np.ndarray  # 0 in scope, 1 an intent left out, 2 background, 3 given as out of scope
    dense: np.ndarray
    sparse: np.ndarray
    truth: np.ndarray


def _one_round(taught: Taught, held: np.ndarray, left_out: np.ndarray) -> _Round:
    examples, titles = taught.examples, taught.titles
    gone = (examples.labels >= 0) & left_out[examples.labels]
    training = examples.take(~held & ~gone)
    names = np.unique(training.labels[training.labels >= 0])
    training = training.joined(titles.take(np.isin(titles.labels, names)))
    position = np.full(int(examples.labels.max()) + 2, -1)  # the last entry serves label -1
    position[names] = np.arange(len(names))
    heads = fit_heads(replace(training, labels=position[training.labels]))
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
    return _Round(heads, names, asked, kind, dense, sparse, asked.labels)


def _judgements(judged: _Round, blend: np.ndarray) -> HeldOut:
    best, signals = _blended(judged.heads, blend).judge(judged.asked.vectors, judged.asked.texts)
    # A background sentence that is nearly an example of the team's own is its business after all.
    stray = (judged.kind == 2) & (signals[:, 3] > 0.75)
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


def _together(parts: Sequence[HeldOut]) -> HeldOut:
    return HeldOut(
        np.concatenate([p.signals for p in parts]),
        np.concatenate([p.right for p in parts]),
        np.concatenate([p.weight for p in parts]) / len(parts),
        tuple(pair for p in parts for pair in p.pairs),
    )


def _fit_acceptor(held_out: HeldOut) -> np.ndarray:
    middle = held_out.signals.mean(axis=0)
    spread = held_out.signals.std(axis=0) + 1e-6
    weight = _mixture(held_out.weight) * len(held_out.right)
    fitted = LogisticRegression(C=1.0, max_iter=500).fit(
        (held_out.signals - middle) / spread, held_out.right, sample_weight=weight
    )
    scaled = fitted.coef_[0] / spread
    return np.append(scaled, fitted.intercept_[0] - scaled @ middle).astype(np.float32)


def _mixture(weight: np.ndarray) -> np.ndarray:
    return np.asarray((1 - OUTSIDE_SHARE) * weight[:, 0] + OUTSIDE_SHARE * weight[:, 1])


def _threshold(chances: np.ndarray, held_out: HeldOut, examples: int) -> float:
    """Where the fewest messages of the assumed mixture go wrong: a wrong intent, a refusal, or a missed refusal.

    But it costs at most a share of the rightly recognised messages, 1/sqrt(examples) within MOST_REFUSED: a team with
    few examples has not seen most of what customers want, one with thousands has.
    """
    weight = _mixture(held_out.weight)
    outside = held_out.weight[:, 1] > 0
    candidates = np.quantile(chances, np.linspace(0, 0.99, 200))
    won = [(weight * np.where(chances >= level, held_out.right, outside)).sum() for level in candidates]
    best = max(won)
    free = float(np.mean([c for c, w in zip(candidates, won, strict=True) if w >= best - 1e-3]))
    budget = float(np.clip(examples**-0.5, *MOST_REFUSED))
    return min(free, float(np.quantile(chances[held_out.right], budget)))


def _folds(examples: Examples) -> np.ndarray:
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
