"""The SQL tables, typed: what is stored and which rules the database itself enforces.

Rows turn into the nouns of `conversation.py`. Knows nothing of queries, sessions or migrations.
"""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from assistant.conversation import Action, Author, Citation, Conversation, DocumentState, HandOver, Message, State


def uuid7() -> str:
    """A new id that sorts by time (a quarter of a microsecond) with 62 random bits (RFC 9562, version 7, method 3)."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    random = int.from_bytes(os.urandom(8)) & ~(0x3 << 62)
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | (rest * 4096 // 1_000_000) << 64 | 2 << 62 | random))


def uuid4() -> str:
    """A new id with 122 random bits that tells nothing, for ids outsiders see."""
    return str(uuid.uuid4())


def now() -> datetime:
    """The current time, UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes, UTC in and out, also on SQLite, which has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a naive time stamp is taken as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    """The common root; constraint names are fixed so that migrations can name them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy's own interface)
        str: Text(),
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        list[dict[str, Any]]: Json,
    }


class ConversationRow(Base):
    """A live chat (`source` is None) or an imported one, named by `(source, external_id)`."""

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("source", "external_id"),
        CheckConstraint("state IN ('assistant', 'waiting', 'person', 'closed')", name="state"),
        CheckConstraint("satisfaction BETWEEN 1 AND 5", name="satisfaction"),
        CheckConstraint("next_position >= 1", name="next_position"),
        Index(None, "state", "updated_at"),
        Index(None, "updated_at", "id"),
        Index(None, "created_at", "id"),
        Index(None, "customer_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid4)
    state: Mapped[State] = mapped_column(Text(), default="assistant")
    channel: Mapped[str]
    site: Mapped[str | None]
    customer_id: Mapped[str | None]
    language: Mapped[str | None]
    token_hash: Mapped[str | None]
    resolved: Mapped[bool | None]
    satisfaction: Mapped[int | None]
    satisfaction_comment: Mapped[str | None]
    source: Mapped[str | None]
    external_id: Mapped[str | None]
    content_hash: Mapped[str | None]  # of the imported record, so that a re-import is recognised
    next_position: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)

    def to_conversation(self) -> Conversation:
        """The noun of this row."""
        return Conversation(
            id=self.id,
            state=self.state,
            channel=self.channel,
            customer_id=self.customer_id,
            language=self.language,
            created_at=self.created_at,
            updated_at=self.updated_at,
            site=self.site,
            resolved=self.resolved,
            satisfaction=self.satisfaction,
            satisfaction_comment=self.satisfaction_comment,
            source=self.source,
            external_id=self.external_id,
        )


class MessageRow(Base):
    """One message; `in_reply_to` is set on the assistant's replies only, so a message has at most one."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "position"),
        UniqueConstraint("conversation_id", "client_message_id"),
        UniqueConstraint("in_reply_to"),
        CheckConstraint("author IN ('customer', 'assistant', 'person', 'system')", name="author"),
        CheckConstraint("position >= 1", name="position"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid7)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int]
    author: Mapped[Author] = mapped_column(Text())
    text: Mapped[str]
    name: Mapped[str | None]
    action: Mapped[Action | None] = mapped_column(Text())
    client_message_id: Mapped[str | None]
    in_reply_to: Mapped[str | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"))
    citations: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    external_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    def to_message(self, rating: int | None = None) -> Message:
        """The noun of this row, with the rating of its message."""
        return Message(
            id=self.id,
            conversation_id=self.conversation_id,
            position=self.position,
            author=self.author,
            text=self.text,
            created_at=self.created_at,
            client_message_id=self.client_message_id,
            in_reply_to=self.in_reply_to,
            name=self.name,
            action=self.action,
            citations=tuple(Citation.from_dict(citation) for citation in self.citations),
            rating=rating,
        )


class TraceRow(Base):
    """How a reply came about; `details` holds whatever else the turn recorded."""

    __tablename__ = "traces"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    action: Mapped[Action] = mapped_column(Text())
    evidence: Mapped[float]
    question: Mapped[str | None]
    intent: Mapped[str | None]
    intent_score: Mapped[float | None]
    language: Mapped[str]
    model: Mapped[str | None]
    adapter: Mapped[str | None] = mapped_column(index=True)
    prompt_version: Mapped[str | None]
    index_version: Mapped[str | None]
    hits: Mapped[list[dict[str, Any]]]
    timings_ms: Mapped[dict[str, Any]]
    details: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class RatingRow(Base):
    """The latest thumb on a message."""

    __tablename__ = "ratings"
    __table_args__ = (CheckConstraint("value IN (-1, 1)", name="value"), Index(None, "value", "created_at"))

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    value: Mapped[int]
    comment: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class HandOverRow(Base):
    """A person asked for, from the request to the end; at most one is open per conversation."""

    __tablename__ = "hand_overs"
    __table_args__ = (
        Index(None, "conversation_id"),
        Index(
            "uq_hand_overs_open",
            "conversation_id",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid7)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    reason: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(default=now)
    taken_at: Mapped[datetime | None]
    taken_by: Mapped[str | None]
    closed_at: Mapped[datetime | None]

    def to_hand_over(self) -> HandOver:
        """The noun of this row."""
        return HandOver(
            id=self.id,
            conversation_id=self.conversation_id,
            reason=self.reason,
            requested_at=self.requested_at,
            taken_at=self.taken_at,
            taken_by=self.taken_by,
            closed_at=self.closed_at,
        )


class DocumentRow(Base):
    """A knowledge document as the published index has, or once had, it."""

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'removed')", name="state"),
        Index(None, "state", "source"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    title: Mapped[str]
    path: Mapped[str]
    content_hash: Mapped[str]
    passages: Mapped[int]
    language: Mapped[str | None]
    state: Mapped[DocumentState] = mapped_column(Text(), default="active")
    first_seen: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    removed_at: Mapped[datetime | None]
