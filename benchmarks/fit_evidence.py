"""Fits the weights of retrieval/evidence.py on knowledge bases from which documents were taken away.

    python -m benchmarks.fit_evidence EMBEDDER_FOLDER

FAQ entries and other passages have weights of their own, but for what is strange. Every base and both outcomes count
the same, answered ones as 60 %. Prints the constants, and what each base would see if the weights came from the others
only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.development_sets import (
    Asked,
    KnowledgeBase,
    MemoryIndex,
    QuestionVectors,
    hotels,
    multi_turn,
    phone_manual,
    webapps,
)
from benchmarks.example_shop import example_shop
from retrieval.embed import load_embedder
from retrieval.evidence import Signals
from retrieval.ranking import Question, rank, signals
from retrieval.recall import auroc, first_rank, refused_at

ANSWERED = 0.6  # how much of what is asked is taken to have an answer
DEPTH = 3  # hits among which the answer must be
# Held where the fit by itself would lean on one signal alone: without a cosine documents of a small knowledge base,
# which hardly has others to lead before, would never be believed; covered words say nothing of a paraphrased question.
HELD = {1: 8.0, 3: 0.0, 5: 3.0}


@dataclass(frozen=True, slots=True)
class Case:
    """One question put to a base: `task` names base and removal, `right` whether the first hits answer it."""

    base: str
    task: str
    values: tuple[float, ...]
    right: bool


def cases(base: KnowledgeBase, index: MemoryIndex, vectors: QuestionVectors) -> Iterator[Case]:
    """The questions of a base, asked after removals: every fifth thread, halves of the gold, halves of the subjects."""
    for task, removed in removals(base):
        less = index.without(removed)
        for asked, question in zip(base.questions, vectors.questions(base, less), strict=True):
            found = signals(less, question)
            if found is not None:
                yield Case(base.name, f"{base.name} {task}", columns(found), _right(less, asked, question))


def columns(signals: Signals) -> tuple[float, ...]:
    """The signals as one row: those of FAQ entries, those of other passages, what both share."""
    *own, strange = signals.values
    row, none = (1.0, *own), (0.0,) * (1 + len(own))
    return (*(row if signals.faq else none), *(none if signals.faq else row), strange)


def removals(base: KnowledgeBase) -> Iterator[tuple[str, set[str]]]:
    """Names of removals and the documents they take away."""
    rng = np.random.default_rng(0)
    gold = sorted({g for asked in base.questions for g in asked.gold})
    halves = rng.permutation(gold)
    yield from (("half", set(halves[part::2].tolist())) for part in range(2))
    if base.name == "webapps_faq":
        yield "fifth", {d.id for d in base.documents if int(d.id) % 5 == 0}
    if base.name == "multi_turn_rag" or base.name.startswith("example_shop"):
        yield "whole", set()
    subjects = rng.permutation(sorted({d.entity for d in base.documents if d.entity}))
    for part in range(2 if len(subjects) else 0):
        gone = set(subjects[part::2].tolist())
        yield "subjects", {d.id for d in base.documents if d.entity in gone}


def fit(chosen: Sequence[Case]) -> np.ndarray:
    """Weights (columns,)."""
    values = np.array([case.values for case in chosen])
    right = np.array([case.right for case in chosen])
    tasks = np.array([case.task for case in chosen])
    weight = np.zeros(len(chosen))
    for task in np.unique(tasks):
        for outcome, share in ((True, ANSWERED), (False, 1 - ANSWERED)):
            of = (tasks == task) & (right == outcome)
            weight[of] = share / max(1, of.sum())
    free = [column for column in range(values.shape[1]) if column not in HELD]
    held = values[:, list(HELD)] @ np.array(list(HELD.values()))
    sign = np.where(right, 1.0, -1.0)

    def loss(some: np.ndarray) -> float:
        surprise = np.logaddexp(0, -sign * (values[:, free] @ some + held))
        return float((weight * surprise).sum() + 1e-4 * (some @ some))

    weights = np.zeros(values.shape[1])
    weights[list(HELD)] = list(HELD.values())
    weights[free] = minimize(loss, np.zeros(len(free))).x
    return weights


def report(all_cases: Sequence[Case]) -> None:
    """Print each task's separation under weights fitted without its base, then the constants."""
    for base in sorted({case.base for case in all_cases}):
        weights = fit([case for case in all_cases if case.base != base])
        for task in sorted({case.task for case in all_cases if case.base == base}):
            right = [float(np.dot(c.values, weights)) for c in all_cases if c.task == task and c.right]
            wrong = [float(np.dot(c.values, weights)) for c in all_cases if c.task == task and not c.right]
            print(f"{task:28} AUROC {auroc(right, wrong):.3f}  refused at 10 %: {refused_at(right, wrong, 0.1):.3f}")
    *own_weights, strange = fit(all_cases)
    half = len(own_weights) // 2
    for name, (intercept, *own) in (("FAQ", own_weights[:half]), ("DOCUMENT", own_weights[half:])):
        print(f"{name} = Weighing({intercept:.2f}, ({', '.join(f'{w:.2f}' for w in (*own, strange))}))")


def _right(index: MemoryIndex, asked: Asked, question: Question) -> bool:
    ranked = [hit.passage.document_id for hit in rank(index, question, 10).hits]
    return _within(first_rank(ranked, asked.gold))


def _within(place: int | None) -> bool:
    return place is not None and place <= DEPTH


def main(folder: str) -> None:
    """Fit on all bases."""
    embedder = load_embedder(folder)
    found: list[Case] = []
    for base in (webapps(), phone_manual(), hotels(), multi_turn(), example_shop("en")):
        index = MemoryIndex.build(base.documents, embedder)
        found.extend(cases(base, index, QuestionVectors(embedder)))
    report(found)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
