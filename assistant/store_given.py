"""The passages that imported replies were written from, by message.

Knows the table; nothing of file formats or of what is done with the passages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from assistant.tables_learning import GivenPassagesRow
from retrieval.documents import Passage

if TYPE_CHECKING:
    from assistant.store import Store  # which imports this module


def write_given(session: Session, given: Mapping[str, Collection[Passage]]) -> None:
    """Put the passages of messages, by id, in place of what they had; a message without passages has none left."""
    session.execute(delete(GivenPassagesRow).where(GivenPassagesRow.message_id.in_(given)))
    rows = [
        {"message_id": id, "passages": [passage.to_dict() for passage in passages]}
        for id, passages in given.items()
        if passages
    ]
    if rows:
        session.execute(insert(GivenPassagesRow), rows)


def passages_given(store: Store, message_ids: Collection[str]) -> dict[str, tuple[Passage, ...]]:
    """The passages of those messages that have any."""
    query = select(GivenPassagesRow).where(GivenPassagesRow.message_id.in_(message_ids))
    with store.reading() as session:
        return {row.message_id: tuple(map(Passage.from_dict, row.passages)) for row in session.scalars(query)}
