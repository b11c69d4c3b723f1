"""Finds the passages of the published index that answer a question, and how likely they do.

Knows nothing of conversations: a question is one text.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from retrieval.documents import Passage, SearchResult
from retrieval.embed import Embedder
from retrieval.index import Index, current_version, open_index
from retrieval.ranking import Question, rank


class Retriever:
    """Searches whatever version is published; safe to use from several threads."""

    def __init__(self, embedder: Embedder, root: Path) -> None:
        self.embedder = embedder
        self.root = root
        self._index: Index | None = None
        self._lock = threading.Lock()

    @property
    def index(self) -> Index:
        """The current version, reopened after a publish; raises IndexMissing."""
        with self._lock:
            if self._index is None or current_version(self.root) != self._index.version:
                self._index = open_index(self.root)
            return self._index

    @property
    def version(self) -> str | None:
        """Which version answers now."""
        return current_version(self.root)

    def search(self, query: str, k: int = 5) -> SearchResult:
        """The best k passages for one question; raises IndexMissing."""
        return self.search_many([query], k)[0]

    def search_many(self, queries: Sequence[str], k: int = 5) -> list[SearchResult]:
        """`search` for many questions with one encoding."""
        index = self.index
        vectors = self.embedder.encode_queries(queries)
        return [
            rank(index, Question(query, vector, self.embedder.unknown_share(query)), k)
            for query, vector in zip(queries, vectors, strict=True)
        ]

    def passage(self, passage_id: str) -> Passage | None:
        """The passage with this id, or None."""
        index = self.index
        number = index.number(passage_id)
        return None if number is None else index.passages[number]
