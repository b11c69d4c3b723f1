"""Test doubles: a model that is a queue of replies plus recorded calls, and a search with a fixed outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from assistant.engines import Adapter, ChatMessage, Generation, Sampling
from retrieval.documents import Hit, Passage, SearchResult
from retrieval.search import Retriever


@dataclass
class FakeEngine:
    """Streams the queued replies word by word and remembers the prompts; `running` counts open generations."""

    replies: list[str]
    prompts: list[list[ChatMessage]] = field(default_factory=list)
    pause: float = 0.0
    running: int = 0
    model: str = "fake"
    adapter: str | None = None
    context_tokens: int = 2048

    async def generate(self, messages: Sequence[ChatMessage], sampling: Sampling) -> Generation:
        self.prompts.append(list(messages))
        return Generation(self.model, self.adapter, self._pieces(self.replies.pop(0)))

    async def _pieces(self, text: str) -> AsyncGenerator[str]:
        self.running += 1
        try:
            for word in text.split(" "):
                await asyncio.sleep(self.pause)
                yield word + " "
        finally:
            self.running -= 1

    def count(self, text: str) -> int:
        return len(text.split())

    async def use_adapter(self, adapter: Adapter | None) -> None:
        self.adapter = adapter.id if adapter else None

    async def close(self) -> None:
        return None


class FakeEmbedder:
    """Vectors from letter counts: alike texts are near, and nothing is loaded."""

    name = "letters"
    dimension = 26

    def encode(self, texts: Sequence[str], *, progress: object = None) -> np.ndarray:
        rows = np.array([[t.lower().count(chr(97 + i)) + 1e-3 for i in range(26)] for t in texts], dtype=np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
        return self.encode(queries)


class FakeRetriever:
    """Finds the same passages for every query and remembers the queries."""

    version = "v1"

    def __init__(self, passages: Sequence[Passage], evidence: float) -> None:
        self.passages = tuple(passages)
        self.evidence = evidence
        self.queries: list[str] = []
        self.embedder = FakeEmbedder()

    def search(self, query: str, k: int = 5, *, said: Sequence[str] = (), alone: str = "") -> SearchResult:
        self.queries.append(query)
        hits = tuple(Hit(passage, 1.0 - 0.1 * i) for i, passage in enumerate(self.passages[:k]))
        return SearchResult(query, hits, self.evidence)

    def passage(self, passage_id: str) -> Passage | None:
        return next((passage for passage in self.passages if passage.id == passage_id), None)


def fake_retriever(passages: Sequence[Passage], evidence: float = 0.9) -> Retriever:
    """A FakeRetriever where a Retriever is expected."""
    return cast(Retriever, FakeRetriever(passages, evidence))
