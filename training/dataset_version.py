"""Data sets on disk: immutable, named by the hash of what is in them, written whole or not at all.

A version is a folder with `train.jsonl`, `validation.jsonl` and `manifest.json` (rules, counts, hashes). Knows
nothing of how examples were picked.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from assistant.errors import InvalidInput, NotFound
from training.examples import Example, Split, read_examples, write_examples

MANIFEST = "manifest.json"
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """What a manifest says. `hash` covers every example; `id` is its beginning and the folder's name."""

    id: str
    hash: str
    created_at: str  # ISO 8601, UTC
    examples: Mapping[str, int]  # by split
    kinds: Mapping[str, int]
    languages: Mapping[str, int]
    dropped: Mapping[str, int]
    rules: Mapping[str, Any]
    sources: Sequence[str]
    files: Mapping[str, str]  # sha256 by file name


def examples_hash(examples: Iterable[Example]) -> str:
    """sha256 over id, content, split and lineage of the examples, whatever their order."""
    rows = sorted(f"{e.id} {e.content_hash} {e.split} {e.conversation_id} {' '.join(e.message_ids)}" for e in examples)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def save_version(
    root: Path,
    examples: Sequence[Example],
    rules: Mapping[str, Any],
    dropped: Mapping[str, int],
    sources: Sequence[str],
) -> DatasetVersion:
    """Write a version under `root`, or find the one with the same examples. Raises InvalidInput if there are none."""
    if not examples:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in dropped.items()) or "there were no replies"
        raise InvalidInput(f"no example is left to learn from ({reasons})")
    homes: dict[str, str] = {}
    for example in examples:
        if homes.setdefault(example.conversation_id, example.split) != example.split:
            raise InvalidInput(f"conversation {example.conversation_id!r} is in both splits")
    digest = examples_hash(examples)
    folder = root / digest[:16]
    if (folder / MANIFEST).exists():
        return open_version(folder)
    root.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=root))
    try:
        version = _write(draft, examples, digest, rules, dropped, sources)
        draft.chmod(0o755)
        try:
            draft.rename(folder)
        except OSError:  # another process finished the same version first
            if not (folder / MANIFEST).exists():
                raise
        _sync(root)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return version


def _write(
    draft: Path,
    examples: Sequence[Example],
    digest: str,
    rules: Mapping[str, Any],
    dropped: Mapping[str, int],
    sources: Sequence[str],
) -> DatasetVersion:
    files = {}
    for split in SPLITS:
        path = draft / f"{split}.jsonl"
        write_examples(path, (example for example in examples if example.split == split))
        _sync(path)
        files[path.name] = _sha256(path)
    version = DatasetVersion(
        id=digest[:16],
        hash=digest,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        examples=_counted(example.split for example in examples),
        kinds=_counted(example.kind for example in examples),
        languages=_counted(example.language for example in examples),
        dropped=dict(dropped),
        rules=dict(rules),
        sources=sorted(sources),
        files=files,
    )
    (draft / MANIFEST).write_text(json.dumps(asdict(version), indent=2, ensure_ascii=False) + "\n", "utf-8")
    _sync(draft / MANIFEST)
    _sync(draft)
    return version


def open_version(folder: Path) -> DatasetVersion:
    """The version in `folder`, its files checked. Raises NotFound, and InvalidInput if anything was changed."""
    manifest = folder / MANIFEST
    if not manifest.exists():
        raise NotFound(f"no data set in {str(folder)!r}")
    try:
        version = DatasetVersion(**json.loads(manifest.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"{str(manifest)!r} is no manifest of a data set: {error}") from error
    for name, expected in version.files.items():
        path = folder / Path(name).name
        if not path.exists() or _sha256(path) != expected:
            raise InvalidInput(f"{str(path)!r} is not the file the data set was saved with; curate again")
    if examples_hash(examples_of(folder)) != version.hash:
        raise InvalidInput(f"the examples in {str(folder)!r} do not have the hash of their manifest; curate again")
    return version


def examples_of(folder: Path, split: Split | None = None) -> Iterator[Example]:
    """The examples of a version, of one split or of both."""
    for name in SPLITS if split is None else (split,):
        yield from read_examples(folder / f"{name}.jsonl")


def versions(root: Path) -> list[DatasetVersion]:
    """All versions under `root`, oldest first."""
    folders = [path.parent for path in root.glob(f"*/{MANIFEST}") if not path.parent.name.startswith(".")]
    return sorted((open_version(folder) for folder in folders), key=lambda version: (version.created_at, version.id))


def lineage(root: Path, conversation_ids: Collection[str]) -> dict[str, list[str]]:
    """Ids of the examples that came from any of these conversations, by data set version."""
    found = {}
    for version in versions(root):
        examples = examples_of(root / version.id)
        ids = [example.id for example in examples if example.conversation_id in conversation_ids]
        if ids:
            found[version.id] = ids
    return found


def remove_version(root: Path, version_id: str) -> None:
    """Delete a version, as erasing a customer demands. Raises NotFound."""
    folder = root / Path(version_id).name
    if not (folder / MANIFEST).exists():
        raise NotFound(f"no data set {version_id!r} in {str(root)!r}")
    (folder / MANIFEST).unlink()  # without it the rest is no version, should this be interrupted
    shutil.rmtree(folder)
    _sync(root)


def _counted(values: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Make a file's or folder's content durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
