"""Puts the next version of an index together: passages kept from the old one, then new ones, each with its vectors.

A text is encoded only if neither the old version nor the staging folder has its vector, and at most a few
thousand vectors are in memory at a time. Knows nothing of files or of how a version is written.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.dense import read_rows
from retrieval.publish import Content, SecondContent
from retrieval.scripts import is_foreign
from retrieval.staging import StagedVectors, find_rows, identify, same_model, text_keys
from retrieval.version import (
    SECOND,
    CatalogueEntry,
    EmbedderId,
    FileRecord,
    Passages,
    SecondVectors,
    Version,
    passage_of,
)
from retrieval.views import views

if TYPE_CHECKING:  # importing it takes seconds, and the one in use is given
    from retrieval.embed import Embedder

BATCH = 4096  # texts encoded between two durable steps
MANY = 8192  # texts whose faster encoding is worth the seconds it takes to load torch
_GATHER = 8192  # vectors in memory while a version is written


Texts = tuple[np.ndarray, np.ndarray, np.ndarray]  # passage, which text of it, and key of each text


@dataclass(frozen=True, slots=True)
class Model:
    """An embedder and what identifies it."""

    embedder: Embedder
    id: EmbedderId
    many: Callable[[], Embedder] | None = None  # loads what encodes many texts faster to the same vectors

    def for_texts(self, count: int) -> Embedder:
        """The embedder that is done first with so many texts, loading included."""
        if self.many is None or count < MANY:
            return self.embedder
        faster = self.many()
        return faster if same_model(identify(faster), self.id) else self.embedder


class Assembly:
    """The passages of the next version, numbered from 0: those of `kept` documents of `old`, then `new` ones."""

    def __init__(self, old: Version | None, kept: Sequence[CatalogueEntry], new: Path, added: Sequence[CatalogueEntry]):
        self._old = old
        self._numbers = _passage_numbers(kept)
        self._new = Passages(new)
        self.documents = (*kept, *added)

    def __len__(self) -> int:
        return len(self._numbers) + len(self._new)

    def line(self, number: int) -> bytes:
        """The JSON line of a passage."""
        if number >= len(self._numbers):
            return self._new.line(number - len(self._numbers))
        assert self._old is not None
        return self._old.passages.line(int(self._numbers[number]))

    def lines(self) -> Iterator[bytes]:
        """The JSON lines of all passages, in order."""
        return (self.line(number) for number in range(len(self)))

    def views(self, number: int) -> tuple[str, ...]:
        """The texts of a passage that get a vector each."""
        return views(passage_of(self.line(number)))

    def content(
        self,
        model: Model,
        second: Model | None,
        staging: Path,
        files: Sequence[FileRecord],
        progress: Callable[[int, int], None],
    ) -> Content:
        """Encode what has no vector yet; `progress` gets texts done and texts to do, for one model after the other."""
        texts = self._texts()
        usable = self._old if self._old is not None and same_model(self._old.embedder, model.id) else None
        return Content(
            embedder=model.id,
            documents=self.documents,
            files=files,
            passages=self.lines(),
            vectors=self._vectors(model, texts, usable, staging, progress),
            owner=texts[0],
            keys=texts[2],
            centroids=None if usable is None else usable.centroids,
            second=None if second is None else self._second(second, texts, staging, progress),
        )

    def foreign(self) -> bool:
        """Is any passage not in the Latin script?"""
        return any(not line.isascii() and is_foreign(passage_of(line).text) for line in self.lines())

    def _second(self, model: Model, texts: Texts, staging: Path, progress: Callable[[int, int], None]) -> SecondContent:
        old = self._old.second if self._old is not None else None
        usable = old if old is not None and same_model(old.embedder, model.id) else None
        return SecondContent(
            embedder=model.id,
            foreign=self.foreign(),
            vectors=self._vectors(model, texts, usable, staging / SECOND, progress),
            centroids=None if usable is None else usable.centroids,
        )

    def _vectors(
        self,
        model: Model,
        texts: Texts,
        usable: Version | SecondVectors | None,
        staging: Path,
        progress: Callable[[int, int], None],
    ) -> Iterator[np.ndarray]:
        """Chunks of a model's vectors of the texts; what neither `usable` nor the staging folder has is encoded."""
        owner, ordinal, keys = texts
        known = self._old.keys if self._old is not None and usable is not None else None
        rows = np.full(len(keys), -1, np.int64) if known is None else find_rows(known, keys)
        staged = StagedVectors(staging, model.id)
        missing = np.flatnonzero((rows < 0) & (find_rows(staged.keys, keys) < 0))
        _, first = np.unique(keys[missing], axis=0, return_index=True)
        self._encode(missing[np.sort(first)], owner, ordinal, staged, model, progress)
        return _gathered(rows, usable, find_rows(staged.keys, keys), staged)

    def _texts(self) -> Texts:
        """For each text: its passage (int32), which of the passage's texts it is (int32), its key (2 uint64)."""
        owner, ordinal = array("i"), array("i")
        keys: list[np.ndarray] = [np.empty((0, 2), np.uint64)]
        for number in range(len(self)):
            texts = self.views(number)
            owner.extend([number] * len(texts))
            ordinal.extend(range(len(texts)))
            keys.append(text_keys(texts))
        return np.array(owner, np.int32), np.array(ordinal, np.int32), np.concatenate(keys)

    def _encode(
        self,
        missing: np.ndarray,
        owner: np.ndarray,
        ordinal: np.ndarray,
        staged: StagedVectors,
        model: Model,
        progress: Callable[[int, int], None],
    ) -> None:
        embedder = model.for_texts(len(missing))
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            texts = [self.views(int(owner[i]))[int(ordinal[i])] for i in batch]
            vectors = embedder.encode(texts, progress=partial(_told_from, start, len(missing), progress))
            staged.append(texts, vectors)
        progress(len(missing), len(missing))


def without(old: Version, dropped: frozenset[str]) -> Content:
    """The content of `old` less some documents, by id: nothing is encoded."""
    kept = [entry for entry in old.documents.values() if entry.id not in dropped]
    numbers = _passage_numbers(kept)
    renumbered = np.full(len(old.passages), -1, np.int32)
    renumbered[numbers] = np.arange(len(numbers), dtype=np.int32)
    rows = np.flatnonzero(renumbered[old.owner] >= 0)
    return Content(
        embedder=old.embedder,
        documents=kept,
        files=[record for record in old.files if dropped.isdisjoint(record.documents)],
        passages=(old.passages.line(int(number)) for number in numbers),
        vectors=_chunks(old.folder, rows),
        owner=renumbered[old.owner[rows]],
        keys=old.keys[rows],
        centroids=old.centroids,
        second=None if old.second is None else _second_without(old.second, rows),
    )


def _second_without(old: SecondVectors, rows: np.ndarray) -> SecondContent:
    return SecondContent(old.embedder, old.foreign, _chunks(old.folder, rows), old.centroids)


def _chunks(folder: Path, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Some rows of the vectors in a folder, a chunk at a time."""
    return (read_rows(folder / "vectors.npy", rows[at : at + _GATHER]) for at in range(0, len(rows), _GATHER))


def _told_from(start: int, total: int, progress: Callable[[int, int], None], done: int) -> None:
    progress(start + done, total)


def _passage_numbers(entries: Sequence[CatalogueEntry]) -> np.ndarray:
    ranges = [np.arange(e.first, e.first + e.passages, dtype=np.int64) for e in entries]
    return np.concatenate([np.empty(0, np.int64), *ranges])


def _gathered(
    old_rows: np.ndarray, old: Version | SecondVectors | None, staged_rows: np.ndarray, staged: StagedVectors
) -> Iterator[np.ndarray]:
    """Chunks of vectors, each row from the old version if it has it, else from the staged ones."""
    for start in range(0, len(old_rows), _GATHER):
        a, b = old_rows[start : start + _GATHER], staged_rows[start : start + _GATHER]
        chunk = np.empty((len(a), staged.dimension), np.float32)
        if old is not None:
            chunk[a >= 0] = read_rows(old.folder / "vectors.npy", a[a >= 0])
        chunk[a < 0] = staged.read(b[a < 0])
        yield chunk
