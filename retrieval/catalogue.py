"""Which document is which: new, changed, the same, moved or gone, compared with the catalogue of an index.

A document is known by its source and its id there. Knows nothing of passages or vectors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from retrieval.documents import Document
from retrieval.readers import SourceFile
from retrieval.version import CatalogueEntry, FileRecord

FileKey = tuple[str, str]  # source, path


@dataclass(frozen=True, slots=True)
class Gone:
    """Documents that an ingest no longer found: lines that their file no longer has, and all others."""

    lines: frozenset[str]
    others: frozenset[str]


class Catalogue:
    """The documents of an index while one ingest goes through `files`.

    An id that another source, or another file of the same ingest, already uses gets its file's path or its
    source in front: `faq.csv/12`, `shop/12`. The same source and id from a file that is not part of this
    ingest is the same document, moved or corrected.
    """

    def __init__(self, known: Mapping[str, CatalogueEntry], files: Sequence[SourceFile]) -> None:
        self._known = known
        self._files = {(f.source, f.name) for f in files}
        self._folders = {f.source for f in files if f.in_folder}
        self._by_identity = {(e.source, e.path, e.given_id): e for e in known.values()}
        self._by_given: dict[tuple[str, str], list[CatalogueEntry]] = defaultdict(list)
        for entry in known.values():
            self._by_given[entry.source, entry.given_id].append(entry)
        self._taken = {identifier: entry.source for identifier, entry in known.items()}
        self._new: set[tuple[str, str, str]] = set()
        self.seen: set[str] = set()

    def identify(self, document: Document) -> tuple[str, CatalogueEntry | None] | None:
        """The document's id in the index and its entry there if it has one; None if this ingest had it already."""
        entry = self._by_identity.get((document.source, document.path, document.id)) or self._moved(document)
        identifier = entry.id if entry is not None else self._free_id(document)
        if identifier is None or identifier in self.seen:
            return None
        self._taken[identifier] = document.source
        self.seen.add(identifier)
        return identifier, entry

    def keep(self, record: FileRecord) -> bool:
        """Mark the documents of an unchanged file as seen; False (and nothing marked) unless all are still its own."""
        entries = [self._known.get(identifier) for identifier in record.documents]
        if not all(e is not None and (e.source, e.path) == (record.source, record.path) for e in entries):
            return False
        self.seen.update(record.documents)
        return True

    def gone(self, complete: frozenset[FileKey]) -> Gone:
        """Documents not seen although their file was read whole (`complete`) or their folder was given without it."""
        unseen = list(self._unseen(complete))
        lines = frozenset(e.id for e in unseen if e.given_id == f"{e.path}:{e.row}")
        return Gone(lines, frozenset(e.id for e in unseen) - lines)

    def _unseen(self, complete: frozenset[FileKey]) -> Iterator[CatalogueEntry]:
        for entry in self._known.values():
            file = (entry.source, entry.path)
            vanished = entry.source in self._folders and file not in self._files
            if entry.id not in self.seen and (file in complete or vanished):
                yield entry

    def _moved(self, document: Document) -> CatalogueEntry | None:
        for entry in self._by_given.get((document.source, document.id), ()):
            if (entry.source, entry.path) not in self._files and entry.id not in self.seen:
                return entry
        return None

    def _free_id(self, document: Document) -> str | None:
        """The first free name for a new document; None if it is a second one of the same file."""
        own = (document.source, document.path, document.id)
        if own in self._new:
            return None
        self._new.add(own)
        other_source = self._taken.get(document.id) != document.source
        short = f"{document.source if other_source else document.path}/{document.id}"
        names = (document.id, short, f"{document.source}/{document.path}/{document.id}")
        return next((name for name in names if name not in self._taken), None)
