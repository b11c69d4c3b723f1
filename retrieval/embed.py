"""Texts to unit vectors with any sentence-transformers model, or one that was converted beforehand.

A model that was converted beforehand loads without torch; all others are loaded by retrieval/sentence_models.py.
Knows nothing of passages or indexes; texts come in, rows come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from retrieval.encoders import CTranslate2Encoder
from retrieval.hardware import cores
from retrieval.prepared import TOKENIZER, WEIGHTS, Prepared
from retrieval.remembered import FEW, Remembered

BATCH_TOKENS = 2048  # padding included; larger batches leave the caches, smaller ones waste calls

Vectors = Callable[[list[list[int]], list[str]], np.ndarray]  # token numbers and the texts themselves to unit rows


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model reads text."""

    name: str
    dimension: int
    max_tokens: int
    unknown: int | None  # token number of what the model cannot read
    query_prompt: str
    passage_prompt: str


class Embedder:
    """A loaded model. Safe to use from several threads."""

    def __init__(self, reading: Reading, tokenizer: Tokenizer, vectors: Vectors) -> None:
        self.name = reading.name
        self.dimension = reading.dimension
        self.max_tokens = reading.max_tokens
        self.reading = reading
        self._vectors = vectors
        self._counter = Tokenizer.from_str(tokenizer.to_str())
        self._counter.no_padding()
        self._counter.no_truncation()
        self._tokenizer = Tokenizer.from_str(self._counter.to_str())
        self._tokenizer.enable_truncation(self.max_tokens)
        self._remembered = Remembered(lambda texts: self._encoded(texts, None))

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """(n, dimension) float32 unit rows, one a passage in order; `progress` gets the number done so far."""
        return self._encode(texts, self.reading.passage_prompt, progress)

    def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
        """(n, dimension) float32 unit rows, one a question in order."""
        return self._encode(queries, self.reading.query_prompt, None)

    def tokens(self, text: str) -> int:
        """Number of the model's tokens in `text`, without the special ones."""
        return len(self._counter.encode(text, add_special_tokens=False).ids)

    def unknown_share(self, text: str) -> float:
        """Share 0..1 of the tokens of `text` that the model does not know, as of a script it never saw."""
        ids = self._counter.encode(text, add_special_tokens=False).ids
        return ids.count(self.reading.unknown) / len(ids) if ids and self.reading.unknown is not None else 0.0

    def _encode(self, texts: Sequence[str], prompt: str, progress: Callable[[int], None] | None) -> np.ndarray:
        prompted = [prompt + text for text in texts]
        if 0 < len(texts) <= FEW and progress is None:
            return self._remembered.encode(prompted)
        return self._encoded(prompted, progress)

    def _encoded(self, texts: Sequence[str], progress: Callable[[int], None] | None) -> np.ndarray:
        unique = list(dict.fromkeys(texts))
        number = {text: i for i, text in enumerate(unique)}
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(unique)]
        rows = np.empty((len(unique), self.dimension), dtype=np.float32)
        done = 0
        for batch in _batches([len(row) for row in ids]):
            rows[batch] = self._vectors([ids[i] for i in batch], [unique[i] for i in batch])
            done += len(batch)
            if progress is not None:
                progress(done * len(texts) // len(unique))
        return rows[[number[text] for text in texts]]


class MeanVectors:
    """The mean of an encoder's last layer, less the model's centre, at unit length."""

    def __init__(self, encoder: CTranslate2Encoder, centre: Sequence[float]) -> None:
        self._encoder = encoder
        self._centre = np.array(centre if len(centre) else [0.0], dtype=np.float32)

    def __call__(self, ids: list[list[int]], texts: list[str]) -> np.ndarray:
        """(n, dimension) float32 unit rows."""
        hidden = self._encoder(ids)
        lengths = np.array([len(row) for row in ids])[:, None]
        inside = np.arange(hidden.shape[1])[None, :] < lengths
        mean = np.where(inside[:, :, None], hidden, np.float32(0)).sum(1) / lengths
        return _unit(_unit(mean) - self._centre)


def load_embedder(folder_or_name: str, threads: int = 0) -> Embedder:
    """Load a prepared or sentence-transformers folder, or a hub id; `threads` 0: all cores. Raises EmbedderMissing."""
    threads = threads or cores()
    folder = Path(folder_or_name)
    prepared = Prepared.of(folder)
    if prepared is not None:
        return _open(folder, prepared, threads)
    from retrieval.sentence_models import load_model  # takes seconds to import

    return load_model(folder_or_name, threads)


def _open(folder: Path, prepared: Prepared, threads: int) -> Embedder:
    """A model that was converted beforehand."""
    reading = Reading(
        name=prepared.name,
        dimension=prepared.dimension,
        max_tokens=prepared.max_tokens,
        unknown=prepared.unknown,
        query_prompt=prepared.query_prompt,
        passage_prompt=prepared.passage_prompt,
    )
    encoder = CTranslate2Encoder(folder / WEIGHTS, threads, prepared.numbers)
    return Embedder(reading, Tokenizer.from_file(str(folder / TOKENIZER)), MeanVectors(encoder, prepared.centre))


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows / lengths, dtype=np.float32)


def _batches(lengths: Sequence[int]) -> Iterator[np.ndarray]:
    """Numbers of texts, longest first, in batches of like lengths within BATCH_TOKENS."""
    order = np.argsort([-length for length in lengths], kind="stable")
    starts = [0]
    for at, number in enumerate(order):
        if (at + 1 - starts[-1]) * lengths[order[starts[-1]]] > BATCH_TOKENS and at > starts[-1]:
            starts.append(at)
        assert lengths[number] <= lengths[order[starts[-1]]]
    return (order[start:end] for start, end in pairwise([*starts, len(order)]) if end > start)
