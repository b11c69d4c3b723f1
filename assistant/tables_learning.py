"""The SQL tables of the learning cycle: approvals, given passages, runs and steps, held-out cases, jobs, leases.

Rows turn into the nouns of the `store_*` modules that read them. Knows nothing of queries, sessions or migrations.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from assistant.tables import Base, now, uuid7

ApprovedBy = Literal["person", "rule"]
RunState = Literal["running", "finished", "failed"]
StepState = Literal["running", "done", "failed"]
JobState = Literal["queued", "running", "done", "failed"]


class ApprovalRow(Base):
    """A reply that may be learnt from, as it read when it was approved; revoked ones stay, so that no rule returns."""

    __tablename__ = "approvals"
    __table_args__ = (
        CheckConstraint("kind IN ('person', 'rule')", name="kind"),
        Index(None, "created_at", "message_id"),
    )

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    content_hash: Mapped[str]  # sha256 of the reply's text as shown
    corrected: Mapped[str | None]  # the better text to learn instead
    kind: Mapped[ApprovedBy] = mapped_column(Text())
    by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    reinstated: Mapped[bool] = mapped_column(default=False)  # a person approved it again after it was revoked


class GivenPassagesRow(Base):
    """What an imported reply was written from, where the log has it."""

    __tablename__ = "given_passages"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    passages: Mapped[list[dict[str, Any]]]


class RunRow(Base):
    """One learning cycle; `result` is what `assistant retrain --json` prints, once it is finished."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'finished', 'failed')", name="state"),
        Index(None, "started_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid7)
    state: Mapped[RunState] = mapped_column(Text(), default="running")
    trigger: Mapped[str]
    decision: Mapped[str | None]
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class RunStepRow(Base):
    """One step of a run; `result` is what later steps, or a resumed run, go on from."""

    __tablename__ = "run_steps"
    __table_args__ = (CheckConstraint("state IN ('running', 'done', 'failed')", name="state"),)

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    state: Mapped[StepState] = mapped_column(Text(), default="running")
    log: Mapped[str] = mapped_column(default="")
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    seconds: Mapped[float] = mapped_column(default=0.0)  # over all attempts that ended
    attempts: Mapped[int] = mapped_column(default=1)
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class HeldOutRow(Base):
    """A case the gate judges by, frozen by its hash; it goes with its conversation when a customer is forgotten."""

    __tablename__ = "held_out"

    example_id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    content_hash: Mapped[str]
    example: Mapped[dict[str, Any]]
    frozen_at: Mapped[datetime] = mapped_column(default=now)


class JobRow(Base):
    """Work for `assistant worker`. `key` names the occasion, so that no two workers queue it twice."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state"),
        Index(None, "state", "due_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=uuid7)
    key: Mapped[str]
    kind: Mapped[str]
    reason: Mapped[str]
    state: Mapped[JobState] = mapped_column(Text(), default="queued")
    due_at: Mapped[datetime] = mapped_column(default=now)
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class LeaseRow(Base):
    """Who may do something that only one process may do at a time, and until when unless it is renewed."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]
