"""The SQL tables of serving: adapters, the pointer to the one that serves and its history, shadow drafts, erasures.

Rules the database enforces; knows nothing of queries.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from assistant.adapter_register import ChangeAction, TrialMode
from assistant.tables import Base, Json, now, uuid7


class AdapterRow(Base):
    """An adapter on the shelf, with the hash its manifest must have."""

    __tablename__ = "adapters"

    id: Mapped[str] = mapped_column(primary_key=True)
    manifest_sha256: Mapped[str]
    registered_at: Mapped[datetime] = mapped_column(default=now)
    validation_loss: Mapped[float | None]
    blocked: Mapped[str | None]  # the reason


class ServingRow(Base):
    """The one row that says which adapter serves (None: the base model) and which one is on trial."""

    __tablename__ = "serving"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("trial_mode IN ('shadow', 'canary')", name="trial_mode"),
        CheckConstraint("trial_share BETWEEN 0 AND 1", name="trial_share"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    adapter_id: Mapped[str | None] = mapped_column(ForeignKey("adapters.id"))
    earlier: Mapped[list[Any]] = mapped_column(Json)  # ids, null for the base model, oldest first
    version: Mapped[int]
    trial_id: Mapped[str | None] = mapped_column(ForeignKey("adapters.id"))
    trial_mode: Mapped[TrialMode | None] = mapped_column(Text())
    trial_share: Mapped[float | None]
    trial_since: Mapped[datetime | None]


class ServingChangeRow(Base):
    """One move of the pointer, kept forever; ids of adapters that were removed stay readable."""

    __tablename__ = "serving_changes"
    __table_args__ = (CheckConstraint("action IN ('promoted', 'rolled_back')", name="action"),)

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    adapter_id: Mapped[str | None]
    previous_id: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(default=now)
    action: Mapped[ChangeAction] = mapped_column(Text())
    reason: Mapped[str]


class ShadowDraftRow(Base):
    """What a candidate would have answered to a live message; goes with the message."""

    __tablename__ = "shadow_drafts"
    __table_args__ = (Index(None, "candidate", "created_at"), Index(None, "message_id"))

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid7)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))  # the reply customers saw
    candidate: Mapped[str]
    text: Mapped[str]
    written_by: Mapped[str]
    unsupported: Mapped[str | None]
    similarity: Mapped[float]  # cosine to the reply that was sent
    seconds: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(default=now)


class ErasureRow(Base):
    """The receipt of an erased customer: hashes and counts, no personal data."""

    __tablename__ = "erasures"

    customer_hash: Mapped[str] = mapped_column(primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(default=now)
    conversation_hashes: Mapped[list[Any]] = mapped_column(Json)
    receipt: Mapped[dict[str, Any]]
