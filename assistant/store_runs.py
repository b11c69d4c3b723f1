"""Learning cycles as they are recorded: each run with its steps, so that a killed one goes on where it stopped.

Every write confirms the lease of the one process that may run cycles. Knows nothing of what the steps do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.errors import NotFound
from assistant.storable import clean
from assistant.store import Store
from assistant.store_leases import Lease, confirm
from assistant.tables import now
from assistant.tables_learning import RunRow, RunState, RunStepRow, StepState

LOG_CHARS = 100_000


@dataclass(frozen=True, slots=True)
class Step:
    """A step as far as it came; `seconds` is the time of the attempt that ended it."""

    name: str
    state: StepState
    log: str
    result: Mapping[str, Any]
    seconds: float
    attempts: int
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Run:
    """A learning cycle; `result` is empty until it is finished."""

    id: str
    state: RunState
    trigger: str
    decision: str | None
    result: Mapping[str, Any]
    started_at: datetime
    finished_at: datetime | None
    steps: tuple[Step, ...]


def open_run(store: Store, held: Lease, trigger: str) -> Run:
    """The run that was killed, if there is one, else a new one."""
    with store.writing() as session:
        confirm(session, held)
        query = select(RunRow).where(RunRow.state == "running").order_by(RunRow.started_at.desc(), RunRow.id.desc())
        row = session.scalars(query.limit(1)).one_or_none()
        if row is None:
            row = RunRow(trigger=clean(trigger))
            session.add(row)
            session.flush()
        return _run(session, row)


def begin_step(store: Store, held: Lease, run_id: str, name: str, position: int) -> None:
    """The step is under way, perhaps again."""
    with store.writing() as session:
        confirm(session, held)
        row = session.get(RunStepRow, (run_id, name))
        if row is None:
            session.add(RunStepRow(run_id=run_id, name=name, position=position))
        else:
            row.state, row.attempts, row.started_at, row.finished_at = "running", row.attempts + 1, now(), None


def end_step(
    store: Store, held: Lease, run_id: str, name: str, *, state: StepState, result: Mapping[str, Any], log: str
) -> None:
    """The step is done, or failed; what it found is durable from now on."""
    with store.writing() as session:
        confirm(session, held)
        row = session.get_one(RunStepRow, (run_id, name))
        row.state, row.result, row.log, row.finished_at = state, dict(result), clean(log)[-LOG_CHARS:], now()
        row.seconds = round((row.finished_at - row.started_at).total_seconds(), 2)


def end_run(
    store: Store, held: Lease, run_id: str, *, state: RunState, decision: str | None, result: Mapping[str, Any]
) -> None:
    """The run is over."""
    with store.writing() as session:
        confirm(session, held)
        row = session.get_one(RunRow, run_id)
        row.state, row.decision, row.result, row.finished_at = state, decision, dict(result), now()


def runs(store: Store, limit: int = 50, decision: str | None = None) -> list[Run]:
    """Runs with their steps, latest first; only those with one decision where given."""
    query = select(RunRow).order_by(RunRow.started_at.desc(), RunRow.id.desc()).limit(limit)
    if decision is not None:
        query = query.where(RunRow.decision == decision)
    with store.reading() as session:
        return [_run(session, row) for row in session.scalars(query).all()]


def run(store: Store, run_id: str) -> Run:
    """One run with its steps; raises NotFound."""
    with store.reading() as session:
        row = session.get(RunRow, clean(run_id))
        if row is None:
            raise NotFound(f"no run {run_id!r}; `assistant runs list` shows the ids")
        return _run(session, row)


def _run(session: Session, row: RunRow) -> Run:
    query = select(RunStepRow).where(RunStepRow.run_id == row.id).order_by(RunStepRow.position)
    steps = tuple(
        Step(s.name, s.state, s.log, s.result, s.seconds, s.attempts, s.started_at, s.finished_at)
        for s in session.scalars(query)
    )
    return Run(row.id, row.state, row.trigger, row.decision, row.result, row.started_at, row.finished_at, steps)
