"""Keeps the catalogue of knowledge documents equal to the published index, remembering removed ones.

Works within a session that `store.py` opened; knows nothing of how documents are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from assistant.conversation import DocumentState
from assistant.storable import clean, identifier
from assistant.tables import DocumentRow, now

if TYPE_CHECKING:
    from retrieval.index import CatalogueEntry  # importing it takes as long as all of the store

ID_CHARS = 1000  # file paths; PostgreSQL's index takes up to 2,700 bytes


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """A document of the catalogue; `removed_at` is set while it is not in the index."""

    id: str
    source: str
    title: str
    path: str
    content_hash: str
    passages: int
    language: str | None
    state: DocumentState
    first_seen: datetime
    updated_at: datetime
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class CatalogueChanges:
    """What a sync changed."""

    added: int
    updated: int
    removed: int


def sync(session: Session, entries: Iterable[CatalogueEntry]) -> CatalogueChanges:
    """Make the active documents exactly `entries`; unchanged rows are not written."""
    moment = now()
    known = {
        id: (content_hash, passages, state)
        for id, content_hash, passages, state in session.execute(
            select(DocumentRow.id, DocumentRow.content_hash, DocumentRow.passages, DocumentRow.state)
        )
    }
    added: list[dict[str, Any]] = []
    updated: list[dict[str, Any]] = []
    seen: set[str] = set()
    for entry in entries:
        seen.add(entry.id)
        if entry.id not in known:
            added.append({"id": identifier("document id", entry.id, ID_CHARS), "first_seen": moment} | _values(entry))
        elif known[entry.id] != (entry.content_hash, entry.passages, "active"):
            updated.append({"key": entry.id} | _values(entry))
    removed = [{"key": id} for id, (_, _, state) in known.items() if state == "active" and id not in seen]
    stamp = {"updated_at": moment, "removed_at": None}
    _write(session, [row | stamp for row in added], [row | stamp for row in updated])
    gone = {"state": "removed", "updated_at": moment, "removed_at": moment}
    _write(session, [], [row | gone for row in removed])
    return CatalogueChanges(len(added), len(updated), len(removed))


def _values(entry: CatalogueEntry) -> dict[str, Any]:
    return {
        "source": clean(entry.source),
        "title": clean(entry.title),
        "path": clean(entry.path),
        "content_hash": entry.content_hash,
        "passages": entry.passages,
        "language": entry.language,
        "state": "active",
    }


def _write(session: Session, added: list[dict[str, Any]], updated: list[dict[str, Any]]) -> None:
    connection = session.connection()
    table = DocumentRow.__table__
    if added:
        connection.execute(insert(DocumentRow), added)
    if updated:
        values: dict[str, Any] = {name: bindparam(name) for name in updated[0] if name != "key"}
        connection.execute(update(DocumentRow).where(table.c.id == bindparam("key")).values(values), updated)


def listing(session: Session, state: DocumentState | None, source: str | None) -> list[KnownDocument]:
    """Documents by id, of one state and source where given."""
    query = select(DocumentRow).order_by(DocumentRow.id)
    if state is not None:
        query = query.where(DocumentRow.state == state)
    if source is not None:
        query = query.where(DocumentRow.source == clean(source))
    return [_known(row) for row in session.scalars(query)]


def _known(row: DocumentRow) -> KnownDocument:
    return KnownDocument(
        id=row.id,
        source=row.source,
        title=row.title,
        path=row.path,
        content_hash=row.content_hash,
        passages=row.passages,
        language=row.language,
        state=row.state,
        first_seen=row.first_seen,
        updated_at=row.updated_at,
        removed_at=row.removed_at,
    )
