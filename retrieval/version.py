"""An immutable version of the index on disk: its passages, vectors and catalogue of documents.

Opening verifies the files against hashes that hang from the CURRENT pointer. Knows nothing of how a version is
made (retrieval/publish.py) or searched (retrieval/index.py).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import mmap
import os
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from retrieval.documents import Passage
from retrieval.failures import IndexCorrupt, IndexMissing, IndexOutdated

CURRENT = "CURRENT"
VERSIONS = "versions"
FORMAT = 2  # of the files of a version; raised whenever an older program or index would be misread
REBUILT = (1, FORMAT)  # formats that an ingest can read and bring up to date; 1 had another keyword index
SECOND = "second"  # folder of the vectors of a second embedder, if there is one
MANIFEST = "manifest.json"
CELLS = "cells.faiss"
LEXICAL = "lexical"
CENTROIDS = "centroids.npy"
LATELY = 1024  # passages that stay read: one search looks at the same few several times

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EmbedderId:
    """Which model made the vectors. `probe` is its vector of a fixed text: a swapped model under an old name shows."""

    name: str
    dimension: int
    probe: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One ingested document: its passages are numbers `first` to `first + passages - 1`.

    `given_id` is the id within its source; `id` differs only where another document already had that id.
    """

    id: str
    given_id: str
    title: str
    source: str
    path: str
    content_hash: str
    passages: int
    first: int = 0
    row: int | None = None
    language: str | None = None
    url: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping without `first`, which follows from the order."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "first"}


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that was read whole and without failure: while its `stamp` is the same it need not be read again."""

    source: str
    path: str
    stamp: str
    documents: tuple[str, ...]


def passage_of(line: bytes) -> Passage:
    """The passage in a JSON line."""
    return Passage.from_dict(json.loads(line.decode()))  # decoded first: json would guess the encoding each time


class Passages(Sequence[Passage]):
    """Passages of a version, read from its mapped file one at a time as they are asked for."""

    def __init__(self, path: Path) -> None:
        self._bytes: mmap.mmap | bytes = b""
        if path.stat().st_size:
            with path.open("rb") as stream:
                self._bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self._ends = np.flatnonzero(np.frombuffer(self._bytes, dtype=np.uint8) == ord("\n")) + 1
        self._lately = lru_cache(maxsize=LATELY)(lambda number: passage_of(self.line(number)))

    def __len__(self) -> int:
        return len(self._ends)

    def line(self, number: int) -> bytes:
        """The JSON line of passage `number`, with its newline."""
        return self._bytes[self._ends[number - 1] if number else 0 : self._ends[number]]

    @overload
    def __getitem__(self, number: int) -> Passage: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Passage]: ...
    def __getitem__(self, number: int | slice) -> Passage | Sequence[Passage]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(f"passage {number} of {len(self)}")
        return self._lately(number % len(self))

    def __iter__(self) -> Iterator[Passage]:
        return (passage_of(self.line(n)) for n in range(len(self)))

    def faq(self) -> np.ndarray:
        """(n,) bool: which ones hold a question."""
        lines = (self.line(number) for number in range(len(self)))
        return np.fromiter((b'"question": null' not in line for line in lines), dtype=bool, count=len(self))

    def entities(self) -> list[str | None]:
        """What each passage is about; those without a name are not parsed."""
        lines = (self.line(number) for number in range(len(self)))
        return [None if b'"entity": null' in line else passage_of(line).entity for line in lines]


class SecondVectors:
    """Vectors of the same texts by another embedder, which reads what the first one cannot."""

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self.folder = folder
        self.embedder = embedder_of(about["embedder"])
        self.foreign = bool(about["foreign"])  # whether any passage is not in the Latin script
        self.vectors: np.ndarray = np.load(folder / "vectors.npy", mmap_mode="r")  # (n_vectors, d) float32

    @cached_property
    def centroids(self) -> np.ndarray | None:
        """As `Version.centroids`."""
        path = self.folder / CENTROIDS
        return np.load(path) if path.exists() else None


def embedder_of(about: Mapping[str, Any]) -> EmbedderId:
    """The embedder in a manifest."""
    return EmbedderId(**{**about, "probe": tuple(about["probe"])})


class Version:
    """One opened version. Holds a shared lock on it until garbage-collected, so that it is not cleaned away."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.version: str = folder.name
        self.format: int = manifest["format"]
        self.embedder = embedder_of(manifest["embedder"])
        self.embedder_name = self.embedder.name
        self.passages = Passages(folder / "passages.jsonl")
        self.vectors: np.ndarray = np.load(folder / "vectors.npy", mmap_mode="r")  # (n_vectors, d) float32
        self.owner: np.ndarray = np.load(folder / "owner.npy")  # (n_vectors,) int32, passage number of each vector
        second = manifest.get(SECOND)
        self.second = None if second is None else SecondVectors(folder / SECOND, second)

    @cached_property
    def documents(self) -> Mapping[str, CatalogueEntry]:
        """The catalogue by document id, in order of passages."""
        entries: dict[str, CatalogueEntry] = {}
        first = 0
        with (self.folder / "documents.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                entry = CatalogueEntry(first=first, **json.loads(line))
                entries[entry.id] = entry
                first += entry.passages
        return entries

    @cached_property
    def files(self) -> tuple[FileRecord, ...]:
        """The files that were read without failure."""
        with (self.folder / "files.jsonl").open(encoding="utf-8") as lines:
            found = [json.loads(line) for line in lines]
        return tuple(FileRecord(**{**f, "documents": tuple(f["documents"])}) for f in found)

    @cached_property
    def keys(self) -> np.ndarray:
        """(n_vectors, 2) uint64: hashes of the embedded texts."""
        keys: np.ndarray = np.load(self.folder / "keys.npy")
        return keys

    @cached_property
    def centroids(self) -> np.ndarray | None:
        """Centroids of the vectors' cells (cells, d), None for an index small enough to be searched exactly."""
        path = self.folder / CENTROIDS
        return np.load(path) if path.exists() else None

    def number(self, passage_id: str) -> int | None:
        """The number of a passage, None if there is no such passage."""
        document, _, ordinal = passage_id.rpartition("#")
        entry = self.documents.get(document)
        if entry is None or not ordinal.isascii() or not ordinal.isdigit() or int(ordinal) >= entry.passages:
            return None
        return entry.first + int(ordinal)


def current_version(root: Path) -> str | None:
    """Name of the version that serves, None before the first ingest; reads one small file."""
    pointer = _read_pointer(root)
    return None if pointer is None else pointer["version"]


V = TypeVar("V", bound=Version)


def open_version(root: Path) -> Version:
    """The current version, verified, without what is needed to search it, also of an older format that can be rebuilt.

    Raises IndexMissing, IndexOutdated or IndexCorrupt.
    """
    return open_current(root, Version, REBUILT)


def open_current(root: Path, kind: Callable[[Path, Manifest], V], formats: Collection[int] = (FORMAT,)) -> V:
    """The current version, verified, as `kind` opens it. Raises IndexMissing, IndexOutdated or IndexCorrupt."""
    while True:
        pointer = _read_pointer(root)
        if pointer is None:
            raise IndexMissing(root)
        try:
            return _open(root / VERSIONS / pointer["version"], pointer["manifest_sha256"], kind, formats)
        except IndexCorrupt:
            # A newer version may have been published, and this one cleaned away, since the pointer was read.
            if _read_pointer(root) == pointer:
                raise


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _open(folder: Path, manifest_sha256: str, kind: Callable[[Path, Manifest], V], formats: Collection[int]) -> V:
    try:
        descriptor = os.open(folder / MANIFEST, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise IndexCorrupt(folder / MANIFEST, "is missing") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        version = kind(folder, _verified_manifest(folder, manifest_sha256, formats))
    except BaseException:
        os.close(descriptor)
        raise
    weakref.finalize(version, os.close, descriptor)
    return version


def _verified_manifest(folder: Path, sha256: str, formats: Collection[int]) -> Manifest:
    path = folder / MANIFEST
    if file_sha256(path) != sha256:
        raise IndexCorrupt(path, "is not what was published")
    manifest: Manifest = json.loads(path.read_text(encoding="utf-8"))
    if manifest["format"] not in formats:
        if manifest["format"] in REBUILT:
            raise IndexOutdated(path, f"has the older format {manifest['format']}, this program searches {FORMAT}")
        raise IndexCorrupt(path, f"has format {manifest['format']}, this program reads format {FORMAT}")
    needed = [name for name in manifest["files"] if not name.endswith(CELLS) and not name.startswith(f"{LEXICAL}/")]
    damaged = first_damaged(folder, manifest, needed)
    if damaged is not None:
        raise IndexCorrupt(folder / damaged, "is missing or not what was published")
    return manifest


def first_damaged(folder: Path, manifest: Manifest, names: Sequence[str]) -> str | None:
    """The first of the named files that is missing or not what the manifest says, None if all are sound."""
    for name in names:
        path, about = folder / name, manifest["files"].get(name)
        if about is None or not path.is_file() or path.stat().st_size != about["bytes"]:
            return name
        if file_sha256(path) != about["sha256"]:
            return name
    return None


def _read_pointer(root: Path) -> dict[str, str] | None:
    path = root / CURRENT
    try:
        pointer: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return {"version": pointer["version"], "manifest_sha256": pointer["manifest_sha256"]}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise IndexCorrupt(path, "is not a pointer to a version") from error
