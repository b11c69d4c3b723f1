"""Vectors kept on disk by the hash of the text they were made from, so that no text is encoded twice.

A killed ingest finds here what it had encoded. Knows nothing of documents or of how vectors are made.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.version import EmbedderId

if TYPE_CHECKING:  # importing it takes seconds, and the one in use is given
    from retrieval.embed import Embedder

_PROBE = "Where is my order, and how do I return it? 我的订单在哪里，怎样退货？"
_SAME_MODEL = 0.9995  # cosine of two probes; precisions of one model differ by far less


def text_keys(texts: Iterable[str]) -> np.ndarray:
    """(n, 2) uint64: 128 bits of BLAKE2b of each text."""
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts)
    return np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)


def same_model(one: EmbedderId, other: EmbedderId) -> bool:
    """Whether vectors of both can be compared: judged by what the models do, not by their names."""
    return one.dimension == other.dimension and float(np.dot(one.probe, other.probe)) > _SAME_MODEL


def identify(embedder: Embedder) -> EmbedderId:
    """What tells this embedder from others, whatever its name."""
    probe = embedder.encode([_PROBE])[0]
    return EmbedderId(embedder.name, embedder.dimension, tuple(float(x) for x in probe))


def find_rows(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each of `wanted` (m, 2) its row in `keys` (n, 2), or -1; int64 (m,)."""
    if len(keys) == 0 or len(wanted) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    first = keys[order, 0]
    at = np.minimum(np.searchsorted(first, wanted[:, 0]), len(order) - 1)
    # Two texts that share 64 bits but not 128 are not worth a loop: the second is only encoded again.
    found = (first[at] == wanted[:, 0]) & (keys[order[at], 1] == wanted[:, 1])
    return np.where(found, order[at], -1)


class StagedVectors:
    """Vectors of one model appended to a folder, row by row with their keys; survives a kill at any moment."""

    def __init__(self, folder: Path, embedder: EmbedderId) -> None:
        self._folder = folder
        self.dimension = embedder.dimension
        self._vectors, self._keys = folder / "vectors.f32", folder / "keys.u64"
        if not self._is_of(embedder):
            discard(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "embedder.json").write_text(json.dumps(asdict(embedder)), encoding="utf-8")
        rows = min(_size(self._vectors) // (4 * self.dimension), _size(self._keys) // 16)
        for path, width in ((self._vectors, 4 * self.dimension), (self._keys, 16)):
            path.touch()
            os.truncate(path, rows * width)

    @property
    def keys(self) -> np.ndarray:
        """(n, 2) uint64 keys of the rows so far."""
        return np.fromfile(self._keys, dtype=np.uint64).reshape(-1, 2)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Some of the rows, (len(rows), d) float32, copied from disk."""
        count = _size(self._vectors) // (4 * self.dimension)
        if count == 0:
            return np.empty((0, self.dimension), np.float32)
        return np.array(np.memmap(self._vectors, np.float32, "r", shape=(count, self.dimension))[rows])

    def append(self, texts: Sequence[str], vectors: np.ndarray) -> None:
        """Add rows (len(texts), d), durable on return; vectors first, so that every key has its vector."""
        for path, rows in ((self._vectors, vectors.astype(np.float32, copy=False)), (self._keys, text_keys(texts))):
            with path.open("ab") as out:
                out.write(np.ascontiguousarray(rows).data)
                out.flush()
                os.fsync(out.fileno())

    def _is_of(self, embedder: EmbedderId) -> bool:
        try:
            about = json.loads((self._folder / "embedder.json").read_text(encoding="utf-8"))
            return same_model(EmbedderId(**{**about, "probe": tuple(about["probe"])}), embedder)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False


def discard(folder: Path) -> None:
    """Remove a staging folder if there is one."""
    if folder.exists():
        shutil.rmtree(folder)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
