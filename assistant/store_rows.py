"""Finds, locks, lists and appends rows within a session that `store.py` opened; knows of no workflow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import Session

from assistant.conversation import Conversation, Message, State
from assistant.errors import NotFound
from assistant.storable import clean
from assistant.tables import Base, ConversationRow, HandOverRow, MessageRow, RatingRow, TraceRow, UtcDateTime, now


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """Which conversations to list: those in one of `states`, of one customer, of one channel; by default all."""

    states: Collection[State] = ()
    customer_id: str | None = None
    channel: str | None = None


AnyRow = TypeVar("AnyRow", bound=Base)

_NOUNS: dict[type[Base], str] = {ConversationRow: "conversation", MessageRow: "message", TraceRow: "trace"}


def get_row(session: Session, table: type[AnyRow], key: str) -> AnyRow:
    """The row with this primary key; raises NotFound, also for keys no database could hold."""
    row = session.get(table, key) if clean(key) == key else None
    if row is None:
        raise NotFound(f"there is no {_NOUNS.get(table) or table.__tablename__.removesuffix('s')} {key!r}")
    return row


def lock_conversation(session: Session, conversation_id: str) -> ConversationRow:
    """The conversation, locked until the transaction ends: its writers queue up here. Raises NotFound.

    On SQLite the write transaction itself is the lock and FOR UPDATE is left out.
    """
    query = select(ConversationRow).where(ConversationRow.id == conversation_id).with_for_update()
    row = session.scalars(query).one_or_none() if clean(conversation_id) == conversation_id else None
    if row is None:
        raise NotFound(f"there is no conversation {conversation_id!r}")
    return row


def latest_conversations(
    session: Session, chosen: ConversationFilter, before: Conversation | None, limit: int
) -> list[Conversation]:
    """The most recently changed first, from the one after `before` on."""
    row = ConversationRow
    query = select(row).order_by(row.updated_at.desc(), row.id.desc()).limit(limit)
    if chosen.states:
        query = query.where(row.state.in_(chosen.states))
    if chosen.customer_id is not None:
        query = query.where(row.customer_id == clean(chosen.customer_id))
    if chosen.channel is not None:
        query = query.where(row.channel == clean(chosen.channel))
    if before is not None:
        last = tuple_(literal(before.updated_at, UtcDateTime()), literal(before.id))
        query = query.where(tuple_(row.updated_at, row.id) < last)
    return [found.to_conversation() for found in session.scalars(query)]


def append_message(session: Session, conversation: ConversationRow, **values: Any) -> MessageRow:
    """Add a message at the next position of a locked conversation."""
    moment = now()
    row = MessageRow(conversation_id=conversation.id, position=conversation.next_position, created_at=moment, **values)
    conversation.next_position += 1
    conversation.updated_at = moment
    session.add(row)
    session.flush()
    return row


def rated(session: Session, row: MessageRow) -> Message:
    """The message of a row, with its rating."""
    rating = session.get(RatingRow, row.id)
    return row.to_message(rating.value if rating else None)


def open_hand_over(session: Session, conversation_id: str) -> HandOverRow | None:
    """The conversation's hand-over that is not closed yet."""
    query = select(HandOverRow).where(HandOverRow.conversation_id == conversation_id, HandOverRow.closed_at.is_(None))
    return session.scalars(query).one_or_none()
