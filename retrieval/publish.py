"""Writes a new version of the index and makes it current in one atomic step; cleans away old ones.

A process killed at any moment leaves the old version serving; what it left behind is removed by the next
publish. Knows nothing of files to read or of models.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.dense import build_cells, centroids_of, needs_cells, save_cells
from retrieval.failures import IngestBusy
from retrieval.lexical import LexicalIndex
from retrieval.version import (
    CELLS,
    CENTROIDS,
    CURRENT,
    FORMAT,
    LEXICAL,
    MANIFEST,
    SECOND,
    VERSIONS,
    CatalogueEntry,
    EmbedderId,
    FileRecord,
    Passages,
    current_version,
    file_sha256,
)
from retrieval.views import lexical_text


@dataclass(frozen=True, slots=True)
class SecondContent:
    """Vectors of the same texts by a second embedder; `foreign`: whether any passage is not in the Latin script."""

    embedder: EmbedderId
    foreign: bool
    vectors: Iterable[np.ndarray]
    centroids: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a version holds. `passages` (JSON lines) and `vectors` (chunks of rows) are consumed once, in order."""

    embedder: EmbedderId
    documents: Sequence[CatalogueEntry]
    files: Sequence[FileRecord]
    passages: Iterable[bytes]
    vectors: Iterable[np.ndarray]
    owner: np.ndarray  # (n_vectors,) int32
    keys: np.ndarray  # (n_vectors, 2) uint64
    centroids: np.ndarray | None = None  # of the previous version, to spare the training
    second: SecondContent | None = None


@contextmanager
def changing(root: Path) -> Iterator[None]:
    """Hold the one right to change the index under `root`. Raises IngestBusy if another process has it."""
    root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root / "ingest.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IngestBusy(root) from error
        yield
    finally:
        os.close(descriptor)


def publish(root: Path, content: Content) -> str:
    """Write, fsync and switch to a new version; returns its name. Call within `changing(root)`."""
    clean(root)
    version = _next_version(root)
    folder = root / VERSIONS / version
    folder.mkdir(parents=True)
    _write_files(folder, content)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "version": version,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "embedder": asdict(content.embedder),
        "counts": {
            "documents": len(content.documents),
            "passages": sum(d.passages for d in content.documents),
            "vectors": len(content.owner),
        },
        "files": {
            str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }
    if content.second is not None:
        manifest[SECOND] = {"embedder": asdict(content.second.embedder), "foreign": content.second.foreign}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    _sync_tree(folder)
    _sync(folder.parent)
    _point_to(root, version, file_sha256(folder / MANIFEST))
    clean(root)
    return version


def clean(root: Path, keep: int = 2) -> None:
    """Remove versions that are neither among the newest `keep` nor open in any process, and unfinished ones."""
    current = current_version(root)
    versions = sorted(p for p in (root / VERSIONS).glob("*") if p.is_dir())
    kept = [p for p in versions if current is not None and p.name <= current][-keep:]
    for folder in versions:
        if folder not in kept and not _in_use(folder):
            shutil.rmtree(folder)


def _write_files(folder: Path, content: Content) -> None:
    with (folder / "passages.jsonl").open("wb") as out:
        out.writelines(content.passages)
    _write_vectors(folder, content.vectors, (len(content.owner), content.embedder.dimension), content.centroids)
    if (second := content.second) is not None:
        (folder / SECOND).mkdir()
        shape = (len(content.owner), second.embedder.dimension)
        _write_vectors(folder / SECOND, second.vectors, shape, second.centroids)
    np.save(folder / "owner.npy", content.owner.astype(np.int32))
    np.save(folder / "keys.npy", content.keys)
    _write_lines(folder / "documents.jsonl", (d.to_dict() for d in content.documents))
    _write_lines(folder / "files.jsonl", (asdict(f) for f in content.files))
    LexicalIndex.build(lexical_text(p) for p in Passages(folder / "passages.jsonl")).save(folder / LEXICAL)


def _write_vectors(
    folder: Path, chunks: Iterable[np.ndarray], shape: tuple[int, int], centroids: np.ndarray | None
) -> None:
    """The vectors and, beyond the exact limit, their cells."""
    _write_rows(folder / "vectors.npy", chunks, shape)
    if needs_cells(shape[0]):
        cells = build_cells(folder / "vectors.npy", centroids)
        np.save(folder / CENTROIDS, centroids_of(cells))
        save_cells(cells, folder / CELLS)


def _write_rows(path: Path, chunks: Iterable[np.ndarray], shape: tuple[int, int]) -> None:
    written = 0
    with path.open("wb") as out:
        np.lib.format.write_array_header_1_0(out, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for chunk in chunks:
            out.write(np.ascontiguousarray(chunk, dtype="<f4").data)
            written += len(chunk)
    if written != shape[0]:
        raise ValueError(f"{written} vectors for {shape[0]} owners")


def _write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _next_version(root: Path) -> str:
    current = current_version(root)
    number = 1 if current is None else int(current.split("-")[0]) + 1
    return f"{number:08d}-{secrets.token_hex(3)}"


def _point_to(root: Path, version: str, manifest_sha256: str) -> None:
    temporary = root / f"{CURRENT}.new"
    temporary.write_text(json.dumps({"version": version, "manifest_sha256": manifest_sha256}), encoding="utf-8")
    _sync(temporary)
    os.replace(temporary, root / CURRENT)
    _sync(root)


def _in_use(folder: Path) -> bool:
    if not (folder / MANIFEST).is_file():
        return False  # never finished: nobody can have opened it
    descriptor = os.open(folder / MANIFEST, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
