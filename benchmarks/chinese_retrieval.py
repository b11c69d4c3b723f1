"""Chinese questions to Chinese passages: hits of vectors, keywords and the product, and abstention.

    python -m benchmarks.chinese_retrieval MODELS/multilingual-e5-small

Encodes 2,106 passages and 500 questions: two minutes on two quiet cores.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.chinese_sets import chinese_base
from benchmarks.development_sets import DATA, KnowledgeBase, MemoryIndex
from benchmarks.retrieval_quality import dense_scores, keyword_scores
from retrieval.embed import load_embedder
from retrieval.ranking import Question, rank
from retrieval.recall import auroc, calibration_error, first_rank, mean_reciprocal_rank, recall_at, refused_at

ANSWERS = 3  # hits among which the answer must be


def taken_away(base: KnowledgeBase) -> Iterator[tuple[str, set[str]]]:
    """Names of removals and the documents they take away: half of the facts asked for, half of the entities."""
    facts = np.random.default_rng(0).permutation(sorted({fact for asked in base.questions for fact in asked.gold}))
    yield "half of the facts", set(facts[::2].tolist())
    gone = set(sorted({document.title for document in base.documents})[::2])
    yield "half of the entities", {document.id for document in base.documents if document.title in gone}


def ranking(base: KnowledgeBase, index: MemoryIndex, questions: list[Question]) -> None:
    """Print how often each method has the right fact first, and among five."""
    found = {
        "vectors": [_by(dense_scores(index, question), index) for question in questions],
        "BM25": [_by(keyword_scores(index, question), index) for question in questions],
        "product": [[hit.passage.document_id for hit in rank(index, question, 10).hits] for question in questions],
    }
    for method, lists in found.items():
        ranks = [first_rank(ranked, asked.gold) for ranked, asked in zip(lists, base.questions, strict=True)]
        entity = np.mean(
            [r[0].split("/")[0] == min(a.gold).split("/")[0] for r, a in zip(lists, base.questions, strict=True)]
        )
        print(
            f"{method:8} R@1 {recall_at(ranks, 1):.3f}  R@5 {recall_at(ranks, 5):.3f}  "
            f"MRR {mean_reciprocal_rank(ranks):.3f}  right entity first {entity:.3f}"
        )


def abstention(base: KnowledgeBase, index: MemoryIndex, questions: list[Question]) -> None:
    """Print how well evidence tells answered questions from those whose answer was taken away."""
    for name, removed in taken_away(base):
        less = index.without(removed)
        results = [rank(less, question, 10) for question in questions]
        places = [
            first_rank([hit.passage.document_id for hit in result.hits], asked.gold)
            for result, asked in zip(results, base.questions, strict=True)
        ]
        right = np.array([place is not None and place <= ANSWERS for place in places])
        evidence = np.array([result.evidence for result in results])
        yes, no = evidence[right], evidence[~right]
        print(
            f"{name}: AUROC {auroc(yes, no):.3f}  refused at 10 % false refusals {refused_at(yes, no, 0.1):.3f}  "
            f"calibration error {calibration_error(evidence, right):.3f}"
        )


def _by(scores: np.ndarray, index: MemoryIndex) -> list[str]:
    return [index.passages[int(n)].document_id for n in np.argsort(-scores, kind="stable")[:10]]


def main(folder: str) -> None:
    """Measure and print."""
    if not DATA.is_dir():
        sys.exit(f"no development data at {DATA}: set ASSISTANT_DATA; nothing was measured")
    embedder = load_embedder(folder)
    base = chinese_base()
    index = MemoryIndex.build(base.documents, embedder)
    vectors = embedder.encode_queries([asked.text for asked in base.questions])
    questions = [
        Question(asked.text, vector, multilingual=True) for asked, vector in zip(base.questions, vectors, strict=True)
    ]
    ranking(base, index, questions)
    abstention(base, index, questions)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
