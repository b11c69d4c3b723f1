"""The SQL tables of understanding: intent examples, learned models on disk, answer templates, moods.

Rows turn into the nouns of the `store_*` modules that read them. Knows nothing of queries, sessions or migrations.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from assistant.tables import Base, Json, now, uuid7

ModelKind = Literal["intents", "mood"]
TemplateState = Literal["draft", "approved", "retired"]
Sentiment = Literal["negative", "neutral", "positive"]


class IntentExampleRow(Base):
    """A message and what its sender wanted; `intent` is None for one that is out of scope."""

    __tablename__ = "intent_examples"
    __table_args__ = (Index(None, "intent"),)

    key: Mapped[str] = mapped_column(primary_key=True)  # sha256 of text and intent: an example is stored once
    text: Mapped[str]
    intent: Mapped[str | None]
    source: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class LearnedModelRow(Base):
    """A small model file in the home folder, with the sha256 it must have; the newest of its kind serves."""

    __tablename__ = "learned_models"
    __table_args__ = (
        CheckConstraint("kind IN ('intents', 'mood')", name="kind"),
        Index(None, "kind", "created_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid7)
    kind: Mapped[ModelKind] = mapped_column(Text())
    file: Mapped[str]  # name within the home's `heads` folder
    sha256: Mapped[str]
    examples_hash: Mapped[str]
    embedder: Mapped[str]
    details: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)


class TemplateRow(Base):
    """One version of an approved wording. Versions share a `family`; at most one of them is approved."""

    __tablename__ = "templates"
    __table_args__ = (
        UniqueConstraint("family", "version"),
        CheckConstraint("state IN ('draft', 'approved', 'retired')", name="state"),
        CheckConstraint("version >= 1", name="version"),
        Index(None, "state", "language"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid7)
    family: Mapped[str]
    version: Mapped[int]
    state: Mapped[TemplateState] = mapped_column(Text(), default="draft")
    intent: Mapped[str | None]
    language: Mapped[str]
    questions: Mapped[list[str]] = mapped_column(Json)
    text: Mapped[str]  # with {slots}
    support: Mapped[int]  # logged conversations it was mined from; 0 for written ones
    source: Mapped[str]
    valid_from: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    approved_by: Mapped[str | None]
    approved_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class MoodRow(Base):
    """How a customer's message sounds."""

    __tablename__ = "moods"
    __table_args__ = (CheckConstraint("sentiment IN ('negative', 'neutral', 'positive')", name="sentiment"),)

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    sentiment: Mapped[Sentiment] = mapped_column(Text())
    confidence: Mapped[float]
    urgency: Mapped[float]  # chance 0..1 that it cannot wait
    created_at: Mapped[datetime] = mapped_column(default=now)
