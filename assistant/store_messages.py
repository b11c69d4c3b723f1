"""Messages of one conversation: stored once however often they are sent, each answered once, listed in order.

Works within a session that `store.py` opened; writers take a locked conversation.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from assistant.conversation import Message, Reply
from assistant.errors import Conflict, InvalidInput, NotFound
from assistant.storable import clean, clean_or_none
from assistant.store_hand_overs import refuse_closed
from assistant.store_rows import append_message, get_row, lock_conversation, rated
from assistant.tables import ConversationRow, MessageRow, RatingRow, TraceRow, now
from assistant.tables_understanding import MoodRow


def add_customer_message(
    session: Session, conversation: ConversationRow, text: str, client_message_id: str | None
) -> tuple[Message, bool]:
    """The message, and whether it is new; an earlier one with the same `client_message_id` counts, also when closed."""
    text = clean(text)
    if client_message_id is not None:
        query = select(MessageRow).filter_by(conversation_id=conversation.id, client_message_id=client_message_id)
        if earlier := session.scalars(query).one_or_none():
            if earlier.text != text:
                raise Conflict(f"client_message_id {client_message_id!r} was used for another text; use a new one")
            return rated(session, earlier), False
    refuse_closed(conversation)
    row = append_message(session, conversation, author="customer", text=text, client_message_id=client_message_id)
    return row.to_message(), True


def add_reply(session: Session, conversation: ConversationRow, in_reply_to: str, reply: Reply) -> Message:
    """The reply with its trace and the mood of what it answers, or the one that was stored first."""
    question = get_row(session, MessageRow, in_reply_to)
    if question.conversation_id != conversation.id or question.author != "customer":
        raise InvalidInput(f"message {in_reply_to!r} is not a customer's message of {conversation.id!r}")
    if earlier := reply_row(session, question.id):
        return rated(session, earlier)
    row = append_message(
        session,
        conversation,
        author="assistant",
        text=clean(reply.text),
        action=reply.action,
        in_reply_to=question.id,
        citations=[asdict(citation) for citation in reply.citations],
    )
    conversation.language = reply.language
    session.add(_trace_row(row.id, reply))
    if said := reply.trace.get("mood"):
        session.merge(MoodRow(message_id=question.id, **said))
    return row.to_message()


def rate(session: Session, message_id: str, value: int, comment: str | None) -> None:
    """The latest rating of an answer."""
    message = get_row(session, MessageRow, message_id)
    if message.author not in ("assistant", "person"):
        raise InvalidInput(f"message {message_id!r} is by the {message.author}; only answers are rated")
    lock_conversation(session, message.conversation_id)  # two first ratings at once
    session.merge(RatingRow(message_id=message.id, value=value, comment=clean_or_none(comment), created_at=now()))


def page_after(session: Session, conversation_id: str, after: str | None, limit: int) -> list[Message]:
    """The first messages, or those after one."""
    get_row(session, ConversationRow, conversation_id)
    query = _rated_messages(conversation_id).order_by(MessageRow.position).limit(limit)
    if after is not None:
        last = get_row(session, MessageRow, after)
        if last.conversation_id != conversation_id:
            raise NotFound(f"there is no message {after!r} in conversation {conversation_id!r}")
        query = query.where(MessageRow.position > last.position)
    return _messages(session, query)


def page_until(session: Session, message_id: str, limit: int) -> list[Message]:
    """The last messages up to and with one."""
    last = get_row(session, MessageRow, message_id)
    query = _rated_messages(last.conversation_id).where(MessageRow.position <= last.position)
    return _messages(session, query.order_by(MessageRow.position.desc()).limit(limit))[::-1]


def last_page(session: Session, conversation_id: str, limit: int) -> list[Message]:
    """The last messages."""
    get_row(session, ConversationRow, conversation_id)
    query = _rated_messages(conversation_id).order_by(MessageRow.position.desc()).limit(limit)
    return _messages(session, query)[::-1]


def _rated_messages(conversation_id: str) -> Select[MessageRow, int]:
    joined = select(MessageRow, RatingRow.value).outerjoin(RatingRow, RatingRow.message_id == MessageRow.id)
    return joined.where(MessageRow.conversation_id == conversation_id)


def _messages(session: Session, query: Select[MessageRow, int]) -> list[Message]:
    return [row.to_message(rating) for row, rating in session.execute(query)]


def reply_row(session: Session, message_id: str) -> MessageRow | None:
    """The assistant's reply to a message."""
    return session.scalars(select(MessageRow).where(MessageRow.in_reply_to == message_id)).one_or_none()


def _trace_row(message_id: str, reply: Reply) -> TraceRow:
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
