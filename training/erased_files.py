"""Takes a customer out of the files of the home: lines of JSON Lines, whole files of runs, backups of the database.

A file is recognised by ids and words that only this customer has. Models, the index of documents and adapter weights
hold none and are not read. Knows nothing of what the files are for.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import IO, Any, Literal

from assistant.errors import AssistantError
from assistant.file_hashes import sync_folder
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_erasure import Belongings, belongings, erase

SKIPPED = ("models", "index", "adapters")  # of the home; adapters are blocked by lineage instead
GENERATED = ("runs", "datasets", "cache", "tmp")  # folders whose files can be made again
SQLITE = b"SQLite format 3\x00"
BLOCK = 1 << 22
Reading = Callable[[Literal["rb"]], Any]  # opens a file to read, unpacking it if need be; typed as loosely as gzip is
LINES = (".jsonl", ".ndjson")


@dataclass(slots=True)
class Cleaned:
    """What was done to files; `left` hold the customer and could not be changed without harm."""

    removed: list[Path] = field(default_factory=list)
    rewritten: list[Path] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)


def clean_files(settings: Settings, theirs: Belongings, receipt_id: str) -> Cleaned:
    """Clean every file of the home that holds the customer; backups keep the id of the receipt."""
    cleaned = Cleaned()
    needles = spellings(theirs)
    for path in _files(settings):
        head = _head(path)
        if head.startswith(SQLITE):
            if _holds(path, path.open, needles):
                (cleaned.rewritten if _clean_backup(path, theirs, receipt_id) else cleaned.left).append(path)
            continue
        reading = _opener(path, head)
        if not _holds(path, reading, needles | {theirs.customer_id.encode()}):
            continue
        if path.name.removesuffix(".gz").endswith(LINES):
            if _rewrite_lines(path, reading, theirs, needles):
                cleaned.rewritten.append(path)
        elif not _holds(path, reading, needles):
            continue  # a short customer id may stand anywhere
        elif path.relative_to(settings.home).parts[0] in GENERATED:
            path.unlink()
            cleaned.removed.append(path)
        else:
            cleaned.left.append(path)
    return cleaned


def spellings(theirs: Belongings) -> set[bytes]:
    """The customer's words as they look in plain text, JSON (both kinds) and HTML, UTF-8."""
    found = set()
    for word in theirs.words:
        found |= {word, escape(word), json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]}
    return {word.encode("utf-8", "surrogatepass") for word in found}


def _files(settings: Settings) -> Iterator[Path]:
    """Plain files of the home that may hold conversations, without the database itself."""
    database = settings.sqlalchemy_url.removeprefix("sqlite:///")
    own = {Path(database + end).resolve() for end in ("", "-wal", "-shm", "-journal")}
    for folder, names, files in os.walk(settings.home):
        if Path(folder) == settings.home:
            names[:] = [name for name in names if name not in SKIPPED]
        for name in files:
            path = Path(folder) / name
            if not path.is_symlink() and path.is_file() and path.resolve() not in own:
                yield path


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(SQLITE))


def _opener(path: Path, head: bytes) -> Reading:
    if head.startswith(b"\x1f\x8b"):
        return lambda mode: gzip.open(path, mode)
    return path.open


def _holds(path: Path, reading: Reading, needles: set[bytes]) -> bool:
    """Whether any needle is in the file, read block by block."""
    longest = max(map(len, needles), default=0)
    rest = b""
    with reading("rb") as file:
        while block := file.read(BLOCK):
            text = rest + block
            if any(needle in text for needle in needles):
                return True
            rest = text[len(text) - longest :] if longest else b""
    return False


def _rewrite_lines(path: Path, reading: Reading, theirs: Belongings, needles: set[bytes]) -> bool:
    """Leave out the customer's lines, at once and durably; False when there are none."""
    descriptor, name = tempfile.mkstemp(prefix=".erasing-", dir=path.parent)
    draft, gone = Path(name), 0
    try:
        with reading("rb") as old, os.fdopen(descriptor, "wb") as file:
            with _packing(path, file) as new:
                for line in old:
                    if _is_theirs(line, theirs, needles):
                        gone += 1
                    else:
                        new.write(line)
            file.flush()
            os.fsync(file.fileno())
        if gone:
            draft.chmod(path.stat().st_mode & 0o777)
            draft.replace(path)
            sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return gone > 0


@contextmanager
def _packing(path: Path, file: IO[bytes]) -> Iterator[Any]:
    """Write to `file`, compressed where `path` says so."""
    if path.suffix == ".gz":
        with gzip.open(file, "wb") as packed:
            yield packed
    else:
        yield file


def _is_theirs(line: bytes, theirs: Belongings, needles: set[bytes]) -> bool:
    """A record that names a customer is judged by that, any other one by what it says."""
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if isinstance(record, dict):
        if record.get("customer_hash"):
            return bool(record["customer_hash"] == theirs.customer_hash)
        if record.get("customer_id") is not None:
            return bool(str(record["customer_id"]) == theirs.customer_id)
    return any(needle in line for needle in needles)


def _clean_backup(path: Path, theirs: Belongings, receipt_id: str) -> bool:
    """Erase the customer from another database of ours; False when it is not one."""
    try:
        store = Store(f"sqlite:///{path}")
        try:
            erase(store, belongings(store, theirs.customer_id), {"receipt": receipt_id})
        finally:
            store.close()
    except AssistantError:
        return False
    return not _holds(path, path.open, spellings(theirs))
