"""The development knowledge bases with their questions, and an index of one in memory.

Reads the data folder named by ASSISTANT_DATA (default ../shared/data beside the repository); knows no metric.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from assistant.engines import ChatMessage
from assistant.understand import understand
from retrieval.documents import Document, Passage, Section
from retrieval.embed import Embedder
from retrieval.entities import Named
from retrieval.lexical import LexicalIndex
from retrieval.ranking import Question
from retrieval.search import asked_of, question_of
from retrieval.split import split
from retrieval.views import lexical_text, views

DATA = Path(os.environ.get("ASSISTANT_DATA") or Path(__file__).resolve().parents[1] / ".." / "shared" / "data")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the ids of the documents that answer it (none: unanswerable); `said`: its conversation's texts."""

    text: str
    gold: frozenset[str]
    said: tuple[str, ...] = ()
    alone: str = ""  # the question as it would stand alone


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """Documents and the questions asked of them."""

    name: str
    documents: tuple[Document, ...]
    questions: tuple[Asked, ...]


def webapps() -> KnowledgeBase:
    """125 FAQ threads, 630 rephrased questions."""
    rows = _jsonl(DATA / "webapps_faq" / "faq.jsonl")
    documents = [_faq(str(r["id"]), r["question"], r["answers"]) for r in rows]
    asked = [Asked(r["query"], frozenset([str(r["id"])])) for r in _jsonl(DATA / "webapps_faq" / "queries_dev.jsonl")]
    return KnowledgeBase("webapps_faq", tuple(documents), tuple(asked))


def phone_manual() -> KnowledgeBase:
    """451 sections, 50 questions; gold is the section with the question's path (by title below it where it moved)."""
    folder = DATA / "phone_manual"
    sections = json.loads((folder / "s10_manual_corpus.json").read_text(encoding="utf-8"))
    paths = {k: [sections[s]["title"] for s in v["section_hierarchy"].split(">")] for k, v in sections.items()}
    documents = [
        Document(k, v["title"], "manual", k, (Section(" ".join(t for t in v["text"] if t != v["title"])),))
        for k, v in sections.items()
    ]
    asked = []
    with (folder / "s10_50_questions.csv").open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            path = row["section_path"].split(">")
            gold = [k for k, p in paths.items() if p == path]
            gold = gold or [k for k, p in paths.items() if p[-1] == path[-1] and p[:3] == path[:3]]
            asked.append(Asked(row["question"], frozenset(gold)))
    return KnowledgeBase("phone_manual", tuple(documents), tuple(asked))


def hotels() -> KnowledgeBase:
    """2,869 FAQ of hotels and restaurants; questions whose snippets include a FAQ, asked with the subject's name."""
    folder = DATA / "hotel_restaurant"
    knowledge = json.loads(gzip.decompress((folder / "knowledge.json.gz").read_bytes()))
    documents: list[Document] = []
    by_text: dict[tuple[str, str], str] = {}
    for domain, entities in knowledge.items():
        for number, entity in entities.items():
            for key, faq in entity["faqs"].items():
                identifier = f"{domain}-{number}-{key}"
                documents.append(_faq(identifier, faq["question"], [faq["answer"]], entity["name"].title()))
                by_text[entity["name"], _letters(f"Q: {faq['question']} A: {faq['answer']}")] = identifier
    asked = []
    for row in _jsonl(folder / "single_turn.jsonl.gz"):
        found = {by_text.get((s["entity"], _letters(s["text"]))) for s in row["knowledge"] if s["type"] == "faq"}
        names = {s["entity"] for s in row["knowledge"]}
        gold = frozenset(f for f in found if f is not None)
        if gold and len(names) == 1:
            asked.append(Asked(f"{names.pop().title()}: {row['question']}", gold))
    return KnowledgeBase("hotel_faq", tuple(documents), tuple(asked))


def multi_turn() -> KnowledgeBase:
    """364 passages of four fields; the last questions of 145 dialogues, many unanswerable or not alone clear."""
    texts: dict[str, str] = {}
    asked = []
    for task in _jsonl(DATA / "multi_turn_rag" / "tasks_dev.jsonl.gz"):
        texts.update({c["document_id"]: " ".join(c["text"].split()) for c in task["contexts"]})
        answered = task["answerability"][0] in ("ANSWERABLE", "PARTIAL")
        gold = frozenset(c["document_id"] for c in task["contexts"]) if answered else frozenset()
        said = [ChatMessage("user" if m["speaker"] == "user" else "assistant", m["text"]) for m in task["input"]]
        understood = understand(said)
        asked.append(Asked(understood.topic, gold, understood.said, understood.question))
    documents = [Document(k, "", "multi_turn", k, (Section(text),)) for k, text in texts.items()]
    return KnowledgeBase("multi_turn_rag", tuple(documents), tuple(asked))


@dataclass(frozen=True, slots=True)
class MemoryIndex:
    """What retrieval/ranking.py needs, without files."""

    passages: Sequence[Passage]
    vectors: np.ndarray
    owner: np.ndarray
    lexical: LexicalIndex
    named: Named

    @classmethod
    def build(cls, documents: Sequence[Document], embedder: Embedder) -> MemoryIndex:
        """Split, embed and index."""
        passages = [p for document in documents for p in split(document, embedder.tokens)]
        texts = [(number, text) for number, passage in enumerate(passages) for text in views(passage)]
        vectors = embedder.encode([text for _, text in texts])
        owner = np.array([number for number, _ in texts], dtype=np.int32)
        lexical = LexicalIndex.build(map(lexical_text, passages))
        return cls(passages, vectors, owner, lexical, Named.of([p.entity for p in passages], lexical))

    def without(self, removed: Collection[str]) -> MemoryIndex:
        """The same index less some documents."""
        kept = np.array([p.document_id not in removed for p in self.passages], dtype=bool)
        number = np.cumsum(kept) - 1
        rows = kept[self.owner]
        passages = [p for p, keep in zip(self.passages, kept, strict=True) if keep]
        lexical = LexicalIndex.build(map(lexical_text, passages))
        named = Named.of([p.entity for p in passages], lexical)
        return MemoryIndex(passages, self.vectors[rows], number[self.owner[rows]].astype(np.int32), lexical, named)

    @property
    def faq(self) -> np.ndarray:
        """(passages,) bool: which ones answer a question that they hold."""
        return np.array([passage.question is not None for passage in self.passages], dtype=bool)

    def dense(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Exact search."""
        scores, rows = faiss.knn(queries, self.vectors, min(k, len(self.vectors)), metric=faiss.METRIC_INNER_PRODUCT)
        return rows, scores


class QuestionVectors:
    """Vectors of questions, each encoded once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, np.ndarray] = {}

    def questions(self, base: KnowledgeBase, index: MemoryIndex) -> list[Question]:
        """The base's questions as `Retriever` would put them to this index."""
        asked = [asked_of(index.named, one.text, one.said, one.alone) for one in base.questions]
        new = {text for one in asked for text in one.texts} - self._vectors.keys()
        self._vectors |= dict(zip(new, self._embedder.encode_queries(list(new)), strict=True))
        return [question_of(one, self._vectors, self._embedder) for one in asked]


def _faq(identifier: str, question: str, answers: Sequence[str], entity: str | None = None) -> Document:
    return Document(identifier, question, "faq", identifier, question=question, answers=tuple(answers), entity=entity)


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return (json.loads(line) for line in raw.decode().splitlines() if line.strip())
