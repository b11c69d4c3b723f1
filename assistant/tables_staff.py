"""The SQL tables of the desk: staff and their sessions, notes, drafts, canned answers, tickets and reviews.

Knows columns and rules; nothing of who may do what or of how passwords are hashed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from assistant.tables import Base, now, uuid7

Role = Literal["agent", "admin"]
Verdict = Literal["approved", "corrected", "knowledge", "template", "dismissed"]


class StaffRow(Base):
    """A member of staff; disabled ones stay, so that what they did keeps its name."""

    __tablename__ = "staff"
    __table_args__ = (CheckConstraint("role IN ('agent', 'admin')", name="role"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    password_hash: Mapped[str]
    role: Mapped[Role] = mapped_column(Text())
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class StaffSessionRow(Base):
    """A login: only the hash of its token is kept. The rows of a person vanish when their rights change."""

    __tablename__ = "staff_sessions"
    __table_args__ = (Index(None, "name"), Index(None, "expires_at"))

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(ForeignKey("staff.name", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class NoteRow(Base):
    """What staff tell each other about a conversation; customers and training never see it."""

    __tablename__ = "notes"
    __table_args__ = (Index(None, "conversation_id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid7)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    author: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class DraftRow(Base):
    """What the assistant would have answered while a person held the conversation."""

    __tablename__ = "drafts"
    __table_args__ = (Index(None, "conversation_id"),)

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    text: Mapped[str]
    action: Mapped[str]
    evidence: Mapped[float]
    citations: Mapped[list[dict[str, Any]]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class CannedAnswerRow(Base):
    """A text staff use often."""

    __tablename__ = "canned_answers"

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid7)
    title: Mapped[str]
    text: Mapped[str]
    author: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class TicketRow(Base):
    """What a customer left behind when nobody was there: whom to answer, and what about."""

    __tablename__ = "tickets"
    __table_args__ = (Index(None, "conversation_id"), Index(None, "closed_at", "created_at"))

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid7)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    name: Mapped[str | None]
    contact: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]


class ReviewRow(Base):
    """That a member of staff has looked at an answer of the assistant, and what came of it."""

    __tablename__ = "reviews"
    __table_args__ = (
        CheckConstraint("verdict IN ('approved', 'corrected', 'knowledge', 'template', 'dismissed')", name="verdict"),
    )

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    verdict: Mapped[Verdict] = mapped_column(Text())
    reviewer: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
