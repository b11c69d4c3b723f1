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
    CatalogueEntry,
    Manifest,
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
        self._dense = DenseIndex(self.vectors, None)
        if needs_cells(len(self.vectors)):
            self._dense = self._open_cells(manifest)

    def dense(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Vector numbers (q, k') int64 and cosines (q, k') float32 for unit queries (q, d); see DenseIndex.search."""
        return self._dense.search(queries, k)

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

    def _open_cells(self, manifest: Manifest) -> DenseIndex:
        if first_damaged(self.folder, manifest, [CELLS]) is None:
            return DenseIndex(self.vectors, load_cells(self.folder / CELLS))
        log.warning("vector index %s is missing or damaged: rebuilt from the vectors", self.folder / CELLS)
        return DenseIndex(self.vectors, build_cells(self.folder / "vectors.npy", self.centroids))


def open_index(root: Path) -> Index:
    """Open and verify the current version. Raises IndexMissing or IndexCorrupt."""
    return open_current(root, Index)
