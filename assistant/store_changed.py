"""What changed in the knowledge base since a moment, and the stored replies that cited it as it was.

Knows the catalogue of documents and the citations of replies; nothing of what the documents say now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import aliased

from assistant.conversation import Citation
from assistant.store import Store
from assistant.tables import DocumentRow, MessageRow

LOOKED_THROUGH = 20_000  # replies, latest first


@dataclass(frozen=True, slots=True)
class Cited:
    """A reply's quote of a document that has changed since, with the question that it answered."""

    message_id: str
    question: str
    document_id: str
    quote: str


def changed_documents(store: Store, since: datetime | None) -> dict[str, datetime]:
    """Documents updated or removed after `since` (ever, for None), with the moment; new ones are not among them."""
    query = select(DocumentRow.id, DocumentRow.updated_at).where(DocumentRow.updated_at > DocumentRow.first_seen)
    if since is not None:
        query = query.where(DocumentRow.updated_at > since)
    with store.reading() as session:
        rows = session.execute(query).all()
    return dict(rows)


def cited_before(store: Store, changed: Mapping[str, datetime]) -> Iterator[Cited]:
    """Quotes of these documents in replies given before each of them changed, latest first."""
    asked = aliased(MessageRow)
    query = (
        select(MessageRow.id, MessageRow.created_at, MessageRow.citations, asked.text)
        .join(asked, asked.id == MessageRow.in_reply_to)
        .where(MessageRow.author == "assistant")
        .order_by(MessageRow.id.desc())
        .limit(LOOKED_THROUGH)
    )
    with store.reading() as session:
        rows = session.execute(query).all() if changed else []
    for id, moment, citations, question in rows:
        for citation in map(Citation.from_dict, citations):
            if citation.document_id in changed and moment < changed[citation.document_id]:
                yield Cited(id, question, citation.document_id, citation.quote)
