"""Helpers of the index and ingest tests: an embedder that needs no model, and folders from a mapping."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from retrieval.index import Index


class HashEmbedder:
    """One fixed random vector a text: equal texts have cosine 1, others about 0. Remembers what it encoded."""

    dimension = 64

    def __init__(self, name: str = "hash", seed: str = "") -> None:
        self.name = name
        self.encoded: list[str] = []
        self._seed = seed.encode()

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> np.ndarray:
        rows = np.empty((len(texts), self.dimension), np.float32)
        for i, text in enumerate(texts):
            digest = hashlib.blake2b(text.encode() + self._seed, digest_size=8).digest()
            rows[i] = np.random.default_rng(int.from_bytes(digest)).standard_normal(self.dimension)
        self.encoded.extend(texts)
        if progress is not None:
            progress(len(texts))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
        return self.encode(queries)

    def unknown_share(self, text: str) -> float:
        return 0.0

    def tokens(self, text: str) -> int:
        return len(text.split())


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files by relative name; gives the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def contents(index: Index) -> tuple[object, ...]:
    """All that an index holds, in a form that two indexes can be compared by."""
    return (
        [p.to_dict() for p in index.passages],
        index.owner.tolist(),
        index.keys.tolist(),
        np.asarray(index.vectors).tolist(),
        list(index.documents.values()),
        list(index.files),
    )
