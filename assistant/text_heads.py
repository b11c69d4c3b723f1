"""Linear classifiers of short texts on top of the embedder: one head on the vector, one on n-grams, blended.

Knows numbers; nothing of what the classes mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.sparse import csr_matrix

from assistant.ngrams import counted, weighted


@dataclass(frozen=True, slots=True)
class TextHeads:
    """Both heads; `c` classes, `d` dimensions."""

    dense: np.ndarray  # (d, c)
    dense_bias: np.ndarray  # (c,)
    sparse: np.ndarray  # (COLUMNS, c) float16
    sparse_bias: np.ndarray  # (c,)
    idf: np.ndarray  # (COLUMNS,)
    blend: np.ndarray  # (2,) weights of the two heads

    def logits(self, vectors: np.ndarray, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(n, c) of the dense head and of the n-gram head, unblended; a vector of zeros says nothing."""
        rows = weighted(counted(texts), self.idf)
        sparse = np.stack([_row(rows, i, self.sparse) for i in range(len(texts))])
        dense = (vectors @ self.dense + self.dense_bias) * vectors.any(axis=1, keepdims=True)
        return dense, sparse + self.sparse_bias

    def log_chances(self, vectors: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """(n, c) natural logarithms of each class's chance."""
        dense, sparse = self.logits(vectors, texts)
        logits = self.blend[0] * dense + self.blend[1] * sparse
        return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))

    def tensors(self, prefix: str) -> dict[str, np.ndarray]:
        """For a safetensors file."""
        return {f"{prefix}.{f.name}": np.ascontiguousarray(getattr(self, f.name)) for f in fields(self)}


def heads_from(tensors: Mapping[str, np.ndarray], prefix: str) -> TextHeads:
    """The inverse of `tensors`."""
    return TextHeads(**{f.name: tensors[f"{prefix}.{f.name}"] for f in fields(TextHeads)})


def _row(rows: csr_matrix, number: int, weights: np.ndarray) -> np.ndarray:
    """One row times the weights of its columns only: no need to widen all of them."""
    part = slice(rows.indptr[number], rows.indptr[number + 1])
    return np.asarray(rows.data[part] @ weights[rows.indices[part]].astype(np.float32))
