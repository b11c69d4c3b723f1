"""Nearest vectors by inner product: exact while small, FAISS inverted lists beyond.

Knows nothing of passages, versions or embedders. The rule, in vectors n:

- n <= 32,768: exact scan of the memory-mapped vectors, nothing to build or store; a matrix product, since
  `faiss.knn` scans with one core when there is one query;
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
            return _nearest(queries @ self._vectors.T, k)
        scores, rows = self._cells.search(queries, k)
        return rows, scores


def _nearest(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values of the k best in each row of `scores` (q, n), best first, equal ones by column."""
    found = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    best = np.take_along_axis(scores, found, axis=1)
    order = np.lexsort((found, -best))
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(best, order, axis=1)


def needs_cells(n: int) -> bool:
    """Whether n vectors are searched through inverted lists (see the rule above)."""
    return n > EXACT_LIMIT


def build_cells(path: Path, centroids: np.ndarray | None = None) -> faiss.IndexIVFFlat:
    """Inverted lists over the (n, d) vectors of an .npy file; earlier `centroids` are kept while they fit the rule.

    The file is read in chunks: in memory are the lists themselves and, while cells are trained, a sample.
    """
    n, d = np.load(path, mmap_mode="r").shape
    wanted = int(4 * np.sqrt(n))
    if centroids is None or not wanted / 2 <= len(centroids) <= wanted * 2:
        centroids = _train(path, n, wanted)
    quantizer = faiss.IndexFlatIP(d)
    quantizer.add(centroids)
    cells = faiss.IndexIVFFlat(quantizer, d, len(centroids), faiss.METRIC_INNER_PRODUCT)
    cells.is_trained = True
    for start in range(0, n, _CHUNK):
        cells.add(read_rows(path, slice(start, start + _CHUNK)))
    _set_probes(cells)
    return cells


def read_rows(path: Path, rows: np.ndarray | slice) -> np.ndarray:
    """Rows of an .npy file, copied; the file's pages do not stay mapped and so do not add up in memory."""
    return np.array(np.load(path, mmap_mode="r")[rows])


def centroids_of(cells: faiss.IndexIVFFlat) -> np.ndarray:
    """The (cells, d) centroids of inverted lists."""
    return np.asarray(cells.quantizer.reconstruct_n(0, cells.nlist), dtype=np.float32)


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


def _train(path: Path, n: int, cells: int) -> np.ndarray:
    sample = np.sort(np.random.default_rng(0).choice(n, min(n, cells * _TRAIN_PER_CELL), replace=False))
    parts = [read_rows(path, sample[(sample >= start) & (sample < start + _CHUNK)]) for start in range(0, n, _CHUNK)]
    vectors = np.concatenate(parts)
    clustering = faiss.Kmeans(
        vectors.shape[1], cells, niter=8, seed=0, spherical=True, min_points_per_centroid=1, max_points_per_centroid=256
    )
    clustering.train(vectors)
    return np.asarray(clustering.centroids, dtype=np.float32)


def _set_probes(cells: faiss.IndexIVFFlat) -> None:
    cells.nprobe = max(16, cells.nlist // _PROBED_SHARE)
