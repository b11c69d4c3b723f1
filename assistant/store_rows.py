"""Finds, locks and appends single rows within a session that `store.py` opened; knows of no workflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from assistant.conversation import Message, Reply
from assistant.errors import NotFound
from assistant.storable import clean, clean_or_none
from assistant.tables import Base, ConversationRow, HandOverRow, MessageRow, RatingRow, TraceRow, now

AnyRow = TypeVar("AnyRow", bound=Base)

_NOUNS: dict[type[Base], str] = {ConversationRow: "conversation", MessageRow: "message", TraceRow: "trace"}


def get_row(session: Session, table: type[AnyRow], key: str) -> AnyRow:
    """The row with this primary key; raises NotFound, also for keys no database could hold."""
    row = session.get(table, key) if clean(key) == key else None
    if row is None:
        raise NotFound(f"there is no {_NOUNS[table]} {key!r}")
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


def rated_messages(conversation_id: str) -> Select[MessageRow, int]:
    """The query of a conversation's messages with their ratings."""
    joined = select(MessageRow, RatingRow.value).outerjoin(RatingRow, RatingRow.message_id == MessageRow.id)
    return joined.where(MessageRow.conversation_id == conversation_id)


def messages_of(rows: Iterable[Row[MessageRow, int]]) -> list[Message]:
    """Messages from the rows of `rated_messages`."""
    return [row.to_message(rating) for row, rating in rows]


def reply_row(session: Session, message_id: str) -> MessageRow | None:
    """The assistant's reply to a message."""
    return session.scalars(select(MessageRow).where(MessageRow.in_reply_to == message_id)).one_or_none()


def trace_row(message_id: str, reply: Reply) -> TraceRow:
    """How `reply` came about; what its trace says beyond the columns goes to `details`."""
    details = dict(reply.trace)
    return TraceRow(
        message_id=message_id,
        action=reply.action,
        evidence=reply.evidence,
        question=clean_or_none(details.pop("question", None)),
        intent=clean(reply.intent.name) if reply.intent else None,
        intent_score=reply.intent.score if reply.intent else None,
        language=reply.language,
        model=reply.model,
        adapter=reply.adapter,
        prompt_version=details.pop("prompt_version", None),
        index_version=details.pop("index_version", None),
        hits=details.pop("hits", []),
        timings_ms=reply.timings_ms,
        details=details,
    )


def trace_values(row: TraceRow) -> dict[str, Any]:
    """The trace as one flat JSON-ready mapping, `intent` as `{"name", "score"}` or None."""
    return row.details | {
        "message_id": row.message_id,
        "action": row.action,
        "evidence": row.evidence,
        "question": row.question,
        "intent": {"name": row.intent, "score": row.intent_score} if row.intent else None,
        "language": row.language,
        "model": row.model,
        "adapter": row.adapter,
        "prompt_version": row.prompt_version,
        "index_version": row.index_version,
        "hits": row.hits,
        "timings_ms": row.timings_ms,
        "created_at": row.created_at.isoformat(),
    }


def open_hand_over(session: Session, conversation_id: str) -> HandOverRow | None:
    """The conversation's hand-over that is not closed yet."""
    query = select(HandOverRow).where(HandOverRow.conversation_id == conversation_id, HandOverRow.closed_at.is_(None))
    return session.scalars(query).one_or_none()
