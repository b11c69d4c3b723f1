"""Adds, updates and removes documents: reads, splits, embeds what is new, then publishes a version of the index.

Unchanged files are not parsed, unchanged documents not split and unchanged texts not embedded again; a killed
ingest goes on where it was. Knows nothing of conversations, SQL or the screen.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from retrieval.assemble import Assembly, Model, without
from retrieval.catalogue import Catalogue, FileKey
from retrieval.documents import Document
from retrieval.failures import IndexMissing, UnknownDocument
from retrieval.parsing import RECIPE as READING
from retrieval.parsing import ParseLimits
from retrieval.publish import changing, clean, publish
from retrieval.readers import Failure, Reader, SourceFile, list_files
from retrieval.split import RECIPE as SPLITTING
from retrieval.split import split
from retrieval.staging import discard, identify, same_model
from retrieval.version import FORMAT, CatalogueEntry, FileRecord, Version, file_sha256, open_version

if TYPE_CHECKING:  # importing it takes seconds, and the one in use is given
    from retrieval.embed import Embedder

# Called with the stage "read", "embed" or "publish", documents done, and documents in all (0: not known yet).
Progress = Callable[[str, int, int], None]

_STAGING = "staging"
_SMALL = 400  # passages that a second embedder reads within a minute


@dataclass(frozen=True, slots=True)
class Second:
    """A second embedder, for all languages, and when it is used; it is loaded only then.

    Without `always`: for a base with text outside the Latin script and for a small one, where it costs little and
    lets questions of any language be answered.
    """

    load: Callable[[], Embedder]
    always: bool = False

    def wanted(self, assembly: Assembly) -> bool:
        """Does this base get its vectors?"""
        return self.always or len(assembly) <= _SMALL or assembly.foreign()

    def model(self) -> Model:
        """The loaded embedder."""
        embedder = self.load()
        return Model(embedder, identify(embedder))


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did. `passages` counts the whole index afterwards.

    `removed`: lines that FAQ files no longer have and, with `prune`, all that is gone. `missing`: ids of documents
    that are gone from their files or folders and still in the index.
    """

    added: int
    updated: int
    unchanged: int
    failed: tuple[Failure, ...]
    passages: int
    seconds: float
    removed: int = 0
    missing: tuple[str, ...] = ()


def ingest(
    paths: Sequence[Path],
    source: str | None,
    embedder: Embedder,
    root: Path,
    progress: Progress | None = None,
    *,
    prune: bool = False,
    limits: ParseLimits | None = None,
    second: Second | None = None,
    many: Callable[[], Embedder] | None = None,
) -> IngestReport:
    """Bring the index under `root` up to date with files and folders; `prune` removes what is gone from them.

    Without paths it is only rebuilt, from the passages it holds, where the format or an embedder has changed.
    `source` defaults to the name of each file or folder; `many` loads what encodes many texts faster than `embedder`
    to the same vectors. Raises IngestBusy, IndexCorrupt, NothingToIngest.
    """
    started = time.monotonic()
    tell = progress or _silent
    with changing(root):
        old = _open_or_none(root)
        if old is None and not paths:
            raise IndexMissing(root)
        files, failures = list_files(paths, source)
        reading = _Reading(root / _STAGING, old, files, embedder, tell)
        reading.run(files, limits or ParseLimits())
        gone = reading.catalogue.gone(frozenset(reading.complete))
        dropped = gone.lines | (gone.others if prune else frozenset())
        assembly = _assemble(old, reading, dropped)
        model = Model(embedder, identify(embedder), many)
        other = None if second is None or not second.wanted(assembly) else second.model()
        passages = len(old.passages) if old is not None else 0
        if reading.entries or dropped or _outdated(old, model, other):
            passages = _publish(root, old, reading, dropped, assembly, model, other, tell)
        discard(root / _STAGING)
    return IngestReport(
        added=reading.added,
        updated=reading.updated,
        unchanged=reading.unchanged,
        failed=(*failures, *reading.failures),
        passages=passages,
        seconds=time.monotonic() - started,
        removed=len(dropped),
        missing=tuple(sorted(gone.others - dropped)),
    )


def remove(ids: Sequence[str], root: Path) -> int:
    """Remove documents and all that older versions hold of them; returns the passages left.

    Versions that a running process still has open go with the next change. Raises UnknownDocument before
    anything is removed, IndexMissing, IngestBusy, IndexCorrupt.
    """
    with changing(root):
        passages = _publish_without(frozenset(ids), root)
        discard(root / _STAGING)
        clean(root, keep=1)
    return passages


def _publish_without(ids: frozenset[str], root: Path) -> int:
    old = open_version(root)
    unknown = sorted(ids - set(old.documents))
    if unknown:
        raise UnknownDocument(unknown)
    content = without(old, ids)
    publish(root, content)
    return sum(entry.passages for entry in content.documents)


class _Reading:
    """The first stage: which documents are new or changed, and their passages in a file of the staging folder."""

    def __init__(
        self, staging: Path, old: Version | None, files: Sequence[SourceFile], embedder: Embedder, tell: Progress
    ) -> None:
        self.catalogue = Catalogue({} if old is None else old.documents, files)
        self.entries: list[CatalogueEntry] = []
        self.records: dict[FileKey, FileRecord] = {}
        self.complete: set[FileKey] = set()
        self.failures: list[Failure] = []
        self.added = self.updated = self.unchanged = 0
        self.new_passages = staging / "passages.jsonl"
        self._known_files = {} if old is None else {(r.source, r.path): r for r in old.files}
        self._count_tokens = embedder.tokens
        self._tell = tell

    def run(self, files: Sequence[SourceFile], limits: ParseLimits) -> None:
        """Go through the files; failures are collected and stop nothing."""
        self.new_passages.parent.mkdir(parents=True, exist_ok=True)
        known: dict[FileKey, SourceFile] = {}
        with Reader(limits) as reader, self.new_passages.open("w", encoding="utf-8") as out:
            for file in files:
                first = known.setdefault((file.source, file.name), file)
                if first is not file:
                    twin = f"has the name and source of {str(first.file)!r}: ingest it with a source of its own"
                    self.failures.append(Failure(str(file.file), twin))
                    continue
                self._file(file, reader, out)

    def _file(self, file: SourceFile, reader: Reader, out: IO[str]) -> None:
        key = (file.source, file.name)
        try:
            stamp = _hash(file_sha256(file.file), READING, SPLITTING)
        except OSError as error:
            self.failures.append(Failure(str(file.file), f"cannot be opened: {error.strerror or error}"))
            return
        record = self._known_files.get(key)
        if record is not None and record.stamp == stamp and self.catalogue.keep(record):
            self.unchanged += len(record.documents)
            self.complete.add(key)
            return
        documents: list[str] = []
        failures = len(self.failures)
        for found in reader.read(file):
            if isinstance(found, Failure):
                self.failures.append(found)
            else:
                documents.extend(self._document(found, file, out))
            self._tell("read", self.added + self.updated + self.unchanged, 0)
        if len(self.failures) == failures:
            self.complete.add(key)
            self.records[key] = FileRecord(file.source, file.name, stamp, tuple(documents))

    def _document(self, document: Document, file: SourceFile, out: IO[str]) -> list[str]:
        """Write the passages of a new or changed document; gives its id in the index, or nothing for a failure."""
        identity = self.catalogue.identify(document)
        if identity is None:
            where = f"line {document.row}: " if document.row else ""
            self.failures.append(Failure(str(file.file), f"{where}id {document.id!r} was used before in this file"))
            return []
        identifier, before = identity
        content_hash = _hash(document.content_hash, SPLITTING)
        same = before is not None and before.content_hash == content_hash
        if before is None:
            self.added += 1
        elif same:
            self.unchanged += 1
        else:
            self.updated += 1
        if same and before is not None and before.row == document.row:
            return [identifier]
        named = document if identifier == document.id else replace(document, id=identifier)
        passages = split(named, self._count_tokens)
        out.writelines(json.dumps(p.to_dict(), ensure_ascii=False) + "\n" for p in passages)
        self.entries.append(_entry(document, identifier, content_hash, len(passages)))
        return [identifier]


def _assemble(old: Version | None, reading: _Reading, dropped: frozenset[str]) -> Assembly:
    replaced = dropped | {entry.id for entry in reading.entries}
    known = [] if old is None else [e for e in old.documents.values() if e.id not in replaced]
    return Assembly(old, known, reading.new_passages, reading.entries)


def _outdated(old: Version | None, model: Model, second: Model | None) -> bool:
    """Was the old version made by another program or with other embedders?"""
    if old is None:
        return False
    if old.format != FORMAT or not same_model(old.embedder, model.id):
        return True
    if old.second is None or second is None:
        return (old.second is None) != (second is None)
    return not same_model(old.second.embedder, second.id)


def _publish(
    root: Path,
    old: Version | None,
    reading: _Reading,
    dropped: frozenset[str],
    assembly: Assembly,
    model: Model,
    second: Model | None,
    tell: Progress,
) -> int:
    records = {} if old is None else {(r.source, r.path): r for r in old.files}
    documents = len(reading.entries) or len(assembly.documents)
    content = assembly.content(
        model,
        second,
        root / _STAGING / "vectors",
        [r for r in (records | reading.records).values() if dropped.isdisjoint(r.documents)],
        lambda done, total: tell("embed", documents * done // max(total, 1), documents),
    )
    tell("publish", 0, documents)
    publish(root, content)
    tell("publish", documents, documents)
    return len(assembly)


def _entry(document: Document, identifier: str, content_hash: str, passages: int) -> CatalogueEntry:
    return CatalogueEntry(
        id=identifier,
        given_id=document.id,
        title=document.title,
        source=document.source,
        path=document.path,
        content_hash=content_hash,
        passages=passages,
        row=document.row,
        language=document.language,
        url=document.url,
    )


def _open_or_none(root: Path) -> Version | None:
    try:
        return open_version(root)
    except IndexMissing:
        return None


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
