"""Find the passages of the published index that answer a question, and how likely they do.

Interim version while the measured one is being fitted.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval.documents import Hit, Passage, SearchResult
from retrieval.embed import Embedder
from retrieval.index import Index, current_version, open_index


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
        """The best k passages for one question."""
        return self.search_many([query], k)[0]

    def search_many(self, queries: Sequence[str], k: int = 5) -> list[SearchResult]:
        """`search` for many questions with one encoding."""
        index = self.index
        vectors = self.embedder.encode(queries)
        numbers, cosines = index.dense(vectors, 50)
        results = []
        for query, row, scores in zip(queries, numbers, cosines, strict=True):
            best: dict[int, float] = {}
            for number, score in zip(row, scores, strict=True):
                owner = int(index.owner[number])
                best[owner] = max(best.get(owner, -1.0), float(score))
            ids, words = index.lexical.search(query, 50)
            top = float(words[0]) if len(words) else 1.0
            for number, score in zip(ids, words, strict=True):
                best[int(number)] = best.get(int(number), 0.0) + 0.2 * float(score) / max(top, 1e-6)
            order = sorted(best, key=lambda n: -best[n])[:k]
            hits = tuple(Hit(index.passages[n], best[n]) for n in order)
            evidence = float(1 / (1 + np.exp(-14 * (hits[0].score - 0.62)))) if hits else 0.0
            results.append(SearchResult(query, hits, evidence))
        return results

    def passage(self, passage_id: str) -> Passage | None:
        """The passage with this id, or None."""
        return next((p for p in self.index.passages if p.id == passage_id), None)
