"""sha256 of files, with notes of what was already hashed, so that a start need not read gigabytes again.

Knows nothing of what the files are.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

# What long work reports: the step's name, how much is done, and of how much (None: unknown). Units here: MB.
Progress = Callable[[str, int, int | None], None]

MEGABYTE = 1_000_000
NOTES = "verified.json"  # in a notes folder: size, time and sha256 by path


def silent(step: str, done: int, total: int | None) -> None:
    """Report progress to nobody."""


def sha256(path: Path, progress: Progress = silent) -> str:
    """Hex sha256 of a file."""
    digest = hashlib.sha256()
    total = path.stat().st_size // MEGABYTE
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
            progress(f"Verifying {path.name} (MB)", file.tell() // MEGABYTE, total)
    return digest.hexdigest()


def all_noted(folder: Path, expected: Mapping[Path, str]) -> bool:
    """Whether each path has the expected sha256 by the notes in `folder`, unchanged in size and time since."""
    notes = _notes(folder)
    return all(path.is_file() and notes.get(str(path.resolve())) == _stamp(path, expected[path]) for path in expected)


def note(folder: Path, hashed: Mapping[Path, str]) -> None:
    """Remember the sha256 of files that were just read."""
    notes = _notes(folder) | {str(path.resolve()): _stamp(path, digest) for path, digest in hashed.items()}
    descriptor, temporary = tempfile.mkstemp(prefix=".notes-", dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(notes, file, indent=1)
    os.replace(temporary, folder / NOTES)


def noted_sha256(folder: Path, path: Path) -> str | None:
    """The sha256 of `path` by the notes in `folder`; None where there is none or the file changed since."""
    noted = _notes(folder).get(str(path.resolve()))
    if noted and path.is_file() and noted == _stamp(path, str(noted[-1])):
        return str(noted[-1])
    return None


def known_sha256(folder: Path, path: Path) -> str:
    """The sha256 of `path`, read from the notes in `folder` where the file is unchanged since."""
    if digest := noted_sha256(folder, path):
        return digest
    digest = sha256(path)
    note(folder, {path: digest})
    return digest


def _stamp(path: Path, digest: str) -> list[object]:
    """What identifies a verified file without reading it."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, digest]


def _notes(folder: Path) -> dict[str, list[object]]:
    """The notes of earlier verifications; unreadable ones count as none."""
    try:
        notes = json.loads((folder / NOTES).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
