"""An opened version of the index that can be searched: by vectors and by keywords.

What can be rebuilt from passages and vectors is rebuilt when its file is damaged. Knows nothing of how a version
is made (retrieval/publish.py) or how hits are ranked (retrieval/search.py).
"""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path

import numpy as np

from retrieval.dense import DenseIndex, build_cells, load_cells, needs_cells
from retrieval.entities import Named
from retrieval.lexical import LexicalIndex
from retrieval.version import (
    CELLS,
    LEXICAL,
    SECOND,
    CatalogueEntry,
    Manifest,
    SecondVectors,
    Version,
    current_version,
    first_damaged,
    open_current,
)
from retrieval.views import lexical_text

__all__ = ["CatalogueEntry", "Index", "current_version", "open_index"]

log = logging.getLogger(__name__)


class Index(Version):
    """A version with its search structures loaded; safe to search from several threads."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        super().__init__(folder, manifest)
        self.lexical = self._open_lexical(manifest)
        self._dense = _open_dense(self, manifest, "")
        self.multilingual = None if self.second is None else Multilingual(self, self.second, manifest)

    def dense(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Vector numbers (q, k') int64 and cosines (q, k') float32 for unit queries (q, d); see DenseIndex.search."""
        return self._dense.search(queries, k)

    def text(self, number: int) -> str:
        """What the keyword index read of passage `number`."""
        return lexical_text(self.passages[number])

    @cached_property
    def faq(self) -> np.ndarray:
        """(passages,) bool: which ones answer a question that they hold."""
        return self.passages.faq()

    @cached_property
    def named(self) -> Named:
        """The named things the passages are about."""
        return Named.of(self.passages.entities(), self.lexical)

    def _open_lexical(self, manifest: Manifest) -> LexicalIndex:
        files = [name for name in manifest["files"] if name.startswith(f"{LEXICAL}/")]
        if first_damaged(self.folder, manifest, files) is None:
            return LexicalIndex.load(self.folder / LEXICAL)
        log.warning("keyword index %s is missing or damaged: rebuilt from the passages", self.folder / LEXICAL)
        return LexicalIndex.build(lexical_text(passage) for passage in self.passages)


class Multilingual:
    """The same passages by the vectors of the second embedder; what retrieval/ranking.py needs of an index."""

    def __init__(self, index: Index, second: SecondVectors, manifest: Manifest) -> None:
        self.passages, self.owner, self.lexical = index.passages, index.owner, index.lexical
        self.vectors = second.vectors
        self.foreign = second.foreign
        self._index = index
        self._dense = _open_dense(second, manifest, f"{SECOND}/")

    @property
    def faq(self) -> np.ndarray:
        """As `Index.faq`."""
        return self._index.faq

    @property
    def named(self) -> Named:
        """As `Index.named`."""
        return self._index.named

    def dense(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As `Index.dense`."""
        return self._dense.search(queries, k)


def _open_dense(of: Version | SecondVectors, manifest: Manifest, prefix: str) -> DenseIndex:
    """The searchable vectors in a folder; `prefix` is where the manifest has it."""
    if not needs_cells(len(of.vectors)):
        return DenseIndex(of.vectors, None)
    root = of.folder.parent if prefix else of.folder
    if first_damaged(root, manifest, [prefix + CELLS]) is None:
        return DenseIndex(of.vectors, load_cells(of.folder / CELLS))
    log.warning("vector index %s is missing or damaged: rebuilt from the vectors", of.folder / CELLS)
    return DenseIndex(of.vectors, build_cells(of.folder / "vectors.npy", of.centroids))


def open_index(root: Path) -> Index:
    """Open and verify the current version. Raises IndexMissing or IndexCorrupt."""
    return open_current(root, Index)
