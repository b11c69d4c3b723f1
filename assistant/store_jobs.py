"""Jobs for workers: each occasion is queued once and claimed by one worker at a time, on SQLite and on PostgreSQL.

A claim is a lease: a worker that dies loses it and another one takes the job up. Knows nothing of what jobs do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, and_, bindparam, or_, select, text, update
from sqlalchemy.orm import Session

from assistant.storable import clean
from assistant.store import Store
from assistant.tables import UtcDateTime, now, uuid7
from assistant.tables_learning import JobRow, JobState

CLAIM_SECONDS = 120.0
MOST_ATTEMPTS = 3
_ADD = text(
    "INSERT INTO jobs (id, key, kind, reason, state, due_at, attempts, result, created_at) "
    "VALUES (:id, :key, :kind, :reason, 'queued', :due_at, 0, :result, :created_at) ON CONFLICT DO NOTHING"
).bindparams(
    bindparam("due_at", type_=UtcDateTime()),
    bindparam("created_at", type_=UtcDateTime()),
    bindparam("result", type_=JSON()),
)


@dataclass(frozen=True, slots=True)
class Job:
    """Work for one worker; `key` names the occasion, `reason` tells people about it."""

    id: str
    key: str
    kind: str
    reason: str
    state: JobState
    due_at: datetime
    worker: str | None
    attempts: int
    result: Mapping[str, Any]


def enqueue(store: Store, key: str, kind: str, reason: str, due_at: datetime | None = None) -> bool:
    """Queue work for an occasion; False if that occasion was queued before, done or not."""
    values = {"id": uuid7(), "key": clean(key), "kind": kind, "reason": clean(reason), "result": {}}
    moment = now()
    with store.writing() as session:
        known = session.scalar(select(JobRow.id).where(JobRow.key == values["key"]))
        if known is None:
            session.execute(_ADD, values | {"due_at": due_at or moment, "created_at": moment})
            known = session.scalar(select(JobRow.id).where(JobRow.key == values["key"]))
    return known == values["id"]


def claim(store: Store, worker: str, seconds: float = CLAIM_SECONDS) -> Job | None:
    """Take the job that has been due longest and that nobody works on; jobs that killed too many workers fail."""
    with store.writing() as session:
        while (row := _next(session)) is not None:
            if row.attempts < MOST_ATTEMPTS:
                row.state, row.worker, row.attempts = "running", clean(worker), row.attempts + 1
                row.lease_until = now() + timedelta(seconds=seconds)
                session.flush()
                return _job(row)
            row.state, row.finished_at = "failed", now()
            row.result = {"error": f"{row.attempts} workers died of it"}
            session.flush()
        return None


def _next(session: Session) -> JobRow | None:
    moment = now()
    free = or_(
        and_(JobRow.state == "queued", JobRow.due_at <= moment),
        and_(JobRow.state == "running", JobRow.lease_until < moment),
    )
    query = select(JobRow).where(free).order_by(JobRow.due_at, JobRow.id).limit(1)
    return session.scalars(query.with_for_update(skip_locked=True)).one_or_none()


def renew(store: Store, job: Job, seconds: float = CLAIM_SECONDS) -> bool:
    """Keep the claim; False if it was lost."""
    return _change(store, job, lease_until=now() + timedelta(seconds=seconds))


def finish(store: Store, job: Job, state: JobState, result: Mapping[str, Any]) -> bool:
    """The job is over; False if the claim was lost meanwhile, and then nothing changes."""
    return _change(store, job, state=state, result=dict(result), finished_at=now(), lease_until=None)


def postpone(store: Store, job: Job, seconds: float) -> bool:
    """Give the job back for later, as if it had not been tried; False if the claim was lost."""
    due_at = now() + timedelta(seconds=seconds)
    return _change(store, job, state="queued", worker=None, due_at=due_at, attempts=job.attempts - 1, lease_until=None)


def _change(store: Store, job: Job, **values: Any) -> bool:
    ours = (
        JobRow.id == job.id,
        JobRow.state == "running",
        JobRow.worker == job.worker,
        JobRow.attempts == job.attempts,
    )
    with store.writing() as session:
        changed = session.scalars(update(JobRow).where(*ours).values(values).returning(JobRow.id)).all()
    return bool(changed)


def jobs(store: Store, limit: int = 50) -> list[Job]:
    """The latest jobs, latest first."""
    with store.reading() as session:
        query = select(JobRow).order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit)
        return [_job(row) for row in session.scalars(query)]


def _job(row: JobRow) -> Job:
    return Job(row.id, row.key, row.kind, row.reason, row.state, row.due_at, row.worker, row.attempts, row.result)
