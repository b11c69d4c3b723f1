"""Nearest vectors by inner product: exact while small, FAISS inverted lists beyond.

Knows nothing of passages, versions or embedders. The rule, in vectors n:

- n <= 32,768: exact scan of the memory-mapped vectors (`faiss.knn`), nothing to build or store;
- beyond: IVF-flat with nlist = 4 * sqrt(n) cells, trained on at most 40 vectors a cell, of which one in
  eight is probed. Cells of the previous version are kept while nlist is within a factor of two of the rule.
"""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

EXACT_LIMIT = 32_768
_TRAIN_PER_CELL = 40
_PROBED_SHARE = 8
_CHUNK = 16_384


class DenseIndex:
    """Searches the rows of `vectors` (n, d) float32, unit rows; safe to use from several threads."""

    def __init__(self, vectors: np.ndarray, cells: faiss.IndexIVFFlat | None) -> None:
        self._vectors = vectors
        self._cells = cells

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers and inner products of the best, (q, k') int64 and float32, k' = min(k, n); row -1: no more."""
        k = min(k, len(self._vectors))
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if k == 0 or len(queries) == 0:
            return np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        if self._cells is None:
            scores, rows = faiss.knn(queries, self._vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
        else:
            scores, rows = self._cells.search(queries, k)
        return rows, scores

    @property
    def centroids(self) -> np.ndarray | None:
        """(cells, d), None without cells."""
        if self._cells is None:
            return None
        return np.asarray(self._cells.quantizer.reconstruct_n(0, self._cells.nlist), dtype=np.float32)


def needs_cells(n: int) -> bool:
    """Whether n vectors are searched through inverted lists (see the rule above)."""
    return n > EXACT_LIMIT


def build_cells(vectors: np.ndarray, centroids: np.ndarray | None = None) -> faiss.IndexIVFFlat:
    """Inverted lists over `vectors` (n, d); earlier `centroids` (cells, d) are kept while they fit the rule."""
    n, d = vectors.shape
    wanted = int(4 * np.sqrt(n))
    if centroids is None or not wanted / 2 <= len(centroids) <= wanted * 2:
        centroids = _train(vectors, wanted)
    quantizer = faiss.IndexFlatIP(d)
    quantizer.add(centroids)
    cells = faiss.IndexIVFFlat(quantizer, d, len(centroids), faiss.METRIC_INNER_PRODUCT)
    cells.is_trained = True
    for start in range(0, n, _CHUNK):
        cells.add(np.ascontiguousarray(vectors[start : start + _CHUNK]))
    _set_probes(cells)
    return cells


def save_cells(cells: faiss.IndexIVFFlat, path: Path) -> None:
    """Write inverted lists in FAISS' own format."""
    faiss.write_index(cells, str(path))


def load_cells(path: Path) -> faiss.IndexIVFFlat:
    """Read what `save_cells` wrote; only for files whose hash was verified."""
    cells = faiss.read_index(str(path))
    if not isinstance(cells, faiss.IndexIVFFlat):
        raise TypeError(f"{str(path)!r} holds a {type(cells).__name__}, not inverted lists")
    _set_probes(cells)
    return cells


def _train(vectors: np.ndarray, cells: int) -> np.ndarray:
    wanted = min(len(vectors), cells * _TRAIN_PER_CELL)
    rows = np.sort(np.random.default_rng(0).choice(len(vectors), wanted, replace=False))
    clustering = faiss.Kmeans(
        vectors.shape[1], cells, niter=8, seed=0, spherical=True, min_points_per_centroid=1, max_points_per_centroid=256
    )
    clustering.train(np.ascontiguousarray(vectors[rows]))
    return np.asarray(clustering.centroids, dtype=np.float32)


def _set_probes(cells: faiss.IndexIVFFlat) -> None:
    cells.nprobe = max(16, cells.nlist // _PROBED_SHARE)
