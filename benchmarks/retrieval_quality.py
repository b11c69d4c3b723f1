"""Retrieval on the development sets: vectors alone, BM25 alone, rank fusion, and the product; and abstention.

python benchmarks/retrieval_quality.py EMBEDDER_FOLDER [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.development_sets import (
    DATA,
    KnowledgeBase,
    MemoryIndex,
    QuestionVectors,
    hotels,
    multi_turn,
    phone_manual,
    webapps,
)
from benchmarks.fit_evidence import removals
from retrieval.embed import load_embedder
from retrieval.lexical import words
from retrieval.ranking import Question, rank
from retrieval.recall import (
    auroc,
    calibration_error,
    first_rank,
    mean_reciprocal_rank,
    ndcg_at,
    recall_at,
    refused_at,
)

DEPTH = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """One method on one base."""

    base: str
    method: str
    recall_1: float
    recall_3: float
    recall_5: float
    mrr: float
    ndcg_10: float


@dataclass(frozen=True, slots=True)
class Abstention:
    """Evidence on one base after a removal: `answered` questions have their answer among the first three hits."""

    task: str
    questions: int
    answered: float
    auroc: float
    refused_at_10: float
    false_refusals_at_half: float
    refused_at_half: float
    calibration_error: float


def dense_scores(index: MemoryIndex, question: Question) -> np.ndarray:
    """(passages,) cosine of the whole text's vector."""
    first = np.searchsorted(index.owner, np.arange(len(index.passages)))
    return np.asarray(index.vectors[first] @ question.vector)


def keyword_scores(index: MemoryIndex, question: Question) -> np.ndarray:
    """(passages,) BM25."""
    return index.lexical.scores(words(question.text))


def fused_scores(index: MemoryIndex, question: Question) -> np.ndarray:
    """(passages,) plain reciprocal-rank fusion of the two, with the usual 60."""
    total = np.zeros(len(index.passages))
    for scores in (dense_scores(index, question), keyword_scores(index, question)):
        total[np.argsort(-scores, kind="stable")] += 1 / (60 + np.arange(1, len(scores) + 1))
    return total


def by_scores(
    score: Callable[[MemoryIndex, Question], np.ndarray], index: MemoryIndex, question: Question
) -> list[str]:
    """Document ids, best first."""
    order = np.argsort(-score(index, question), kind="stable")[: DEPTH * 30]
    return list(dict.fromkeys(index.passages[int(n)].document_id for n in order))


def by_product(index: MemoryIndex, question: Question) -> list[str]:
    """Document ids as the product ranks them."""
    return [hit.passage.document_id for hit in rank(index, question, DEPTH).hits]


def quality(base: KnowledgeBase, index: MemoryIndex, questions: Sequence[Question]) -> list[Ranked]:
    """All methods on the questions that have an answer."""
    rows = []
    methods: dict[str, Callable[[MemoryIndex, Question], list[str]]] = {
        "vectors": lambda i, q: by_scores(dense_scores, i, q),
        "bm25": lambda i, q: by_scores(keyword_scores, i, q),
        "rank fusion": lambda i, q: by_scores(fused_scores, i, q),
        "product": by_product,
    }
    asked = [(a, q) for a, q in zip(base.questions, questions, strict=True) if a.gold]
    for name, method in methods.items():
        found = [method(index, question) for _, question in asked]
        ranks = [first_rank(ranked, a.gold) for ranked, (a, _) in zip(found, asked, strict=True)]
        gains = [ndcg_at(ranked, a.gold, 10) for ranked, (a, _) in zip(found, asked, strict=True)]
        rows.append(
            Ranked(
                base.name,
                name,
                recall_1=recall_at(ranks, 1),
                recall_3=recall_at(ranks, 3),
                recall_5=recall_at(ranks, 5),
                mrr=mean_reciprocal_rank(ranks),
                ndcg_10=float(np.mean(gains)),
            )
        )
    return rows


def abstention(base: KnowledgeBase, index: MemoryIndex, vectors: QuestionVectors) -> list[Abstention]:
    """Evidence after each removal, parts of one kind together."""
    pairs: dict[str, list[tuple[float, bool]]] = {}
    for task, removed in removals(base):
        less = index.without(removed)
        for asked, question in zip(base.questions, vectors.questions(base, less), strict=True):
            result = rank(less, question, DEPTH)
            place = first_rank([hit.passage.document_id for hit in result.hits], asked.gold)
            pairs.setdefault(task, []).append((result.evidence, place is not None and place <= 3))
    return [_abstention(f"{base.name} {task}", found) for task, found in pairs.items()]


def _abstention(task: str, found: Sequence[tuple[float, bool]]) -> Abstention:
    yes = np.array([evidence for evidence, right in found if right])
    no = np.array([evidence for evidence, right in found if not right])
    return Abstention(
        task=task,
        questions=len(found),
        answered=len(yes) / len(found),
        auroc=auroc(yes, no),
        refused_at_10=refused_at(yes, no, 0.1),
        false_refusals_at_half=float(np.mean(yes < 0.5)),
        refused_at_half=float(np.mean(no < 0.5)),
        calibration_error=calibration_error([evidence for evidence, _ in found], [right for _, right in found]),
    )


def main() -> None:
    """Measure, print the tables, and write them as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("embedder", help="sentence-transformers folder or hub id")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"no development data at {DATA}: set ASSISTANT_DATA; nothing was measured")
    embedder = load_embedder(options.embedder)
    ranked: list[Ranked] = []
    refused: list[Abstention] = []
    for base in (webapps(), phone_manual(), hotels(), multi_turn()):
        index = MemoryIndex.build(base.documents, embedder)
        vectors = QuestionVectors(embedder)
        for row in quality(base, index, vectors.questions(base, index)):
            ranked.append(row)
            print(_line(asdict(row)), flush=True)
        for one in abstention(base, index, vectors):
            refused.append(one)
            print(_line(asdict(one)), flush=True)
    if options.json:
        found = {"ranking": [asdict(r) for r in ranked], "abstention": [asdict(a) for a in refused]}
        options.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


def _line(row: dict[str, str | int | float]) -> str:
    return "  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{v:<14}" for k, v in row.items())


if __name__ == "__main__":
    main()
