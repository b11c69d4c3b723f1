"""Vectors of short texts by whichever of two embedders reads their script, in one space.

For classifiers, which must know Chinese messages too: a text outside the Latin script gets the vector of the embedder
for all languages, loaded when the first one comes. Vectors of the two are nearly at right angles, so one classifier
can learn from both. Knows nothing of passages or indexes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from retrieval.embed import Embedder
from retrieval.scripts import is_foreign


class Reads(Protocol):
    """What classifiers need of an embedder."""

    @property
    def name(self) -> str:
        """Of the model."""

    @property
    def dimension(self) -> int:
        """Of its vectors."""

    def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
        """(n, dimension) float32 rows."""


class ByScript:
    """Two embedders of one dimension as one; safe to use from several threads."""

    def __init__(self, plain: Embedder, second: Callable[[], Embedder | None] | None, second_name: str = "") -> None:
        """`second` gives None when it cannot be loaded: what only it reads has zeros for a vector then."""
        self.plain = plain
        self.second_name = second_name if second is not None else ""
        self.name = plain.name if second is None else f"{plain.name} + {second_name}"
        self.dimension = plain.dimension
        self._load_second = second
        self._second: Embedder | None = None
        self._loaded = False
        self._lock = threading.Lock()

    def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
        """(n, dimension) float32 rows in order: unit vectors, or zeros for what nothing here reads."""
        foreign = np.array([self._load_second is not None and is_foreign(query) for query in queries], dtype=bool)
        rows = np.zeros((len(queries), self.dimension), dtype=np.float32)
        if not foreign.all():
            rows[~foreign] = self.plain.encode_queries(
                [q for q, other in zip(queries, foreign, strict=True) if not other]
            )
        if foreign.any() and (second := self._other()) is not None:
            rows[foreign] = second.encode_queries([q for q, other in zip(queries, foreign, strict=True) if other])
        return rows

    def _other(self) -> Embedder | None:
        with self._lock:
            if not self._loaded and self._load_second is not None:
                self._second, self._loaded = self._load_second(), True
            return self._second
