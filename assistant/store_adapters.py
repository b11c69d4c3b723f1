"""Reads and changes the adapter register in SQL: one row is the pointer, every change of it is one transaction.

Knows nothing of adapter folders; who calls it has verified them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from assistant.adapter_register import BASE, Change, ChangeAction, Entry, Register, Trial, TrialMode
from assistant.errors import Conflict, InvalidInput
from assistant.storable import clean
from assistant.store import Store
from assistant.tables import now
from assistant.tables_serving import AdapterRow, ServingChangeRow, ServingRow

Choice = Callable[[Register], tuple[str | None, tuple[str | None, ...]]]  # the new pointer and what came before it


def read_register(store: Store) -> Register:
    """All adapters, the pointer and the trial, as of one moment."""
    with store.reading() as session:
        return _register(session)


def pointer_version(store: Store) -> int:
    """The number of changes of pointer and trial so far; one cheap read."""
    with store.reading() as session:
        return session.scalars(select(ServingRow.version)).one()


def changes(store: Store, limit: int = 50) -> list[Change]:
    """The moves of the pointer, latest first."""
    with store.reading() as session:
        rows = session.scalars(select(ServingChangeRow).order_by(ServingChangeRow.version.desc()).limit(limit))
        return [Change(r.version, r.adapter_id, r.previous_id, r.at, r.action, r.reason) for r in rows]


def add_adapter(
    store: Store, adapter_id: str, manifest_sha256: str, validation_loss: float | None, blocked: str | None = None
) -> Entry:
    """Put an adapter on the shelf, or renew what is known of it; a block stays."""
    with store.writing() as session:
        row = session.get(AdapterRow, adapter_id) or AdapterRow(id=adapter_id, registered_at=now())
        row.manifest_sha256, row.validation_loss = manifest_sha256, validation_loss
        row.blocked = row.blocked or blocked
        session.add(row)
        session.flush()
        return _entry(row)


def promote(store: Store, adapter_id: str, reason: str) -> Register:
    """Point at an adapter; if it was on trial, the trial ends. Raises NotFound, or Conflict for a blocked one."""

    def choose(register: Register) -> tuple[str | None, tuple[str | None, ...]]:
        register.allowed(adapter_id)
        return adapter_id, (*register.earlier, register.serving)

    return _move(store, "promoted", reason, choose)


def rollback(store: Store, reason: str, to: str | None = None, seen: int | None = None) -> Register:
    """Point again at what served before, or at `to` ("base" for the base model).

    `seen` is the version the caller decided upon: raises Conflict when the register has changed since, and when nothing
    or not `to` served before, or `to` is blocked.
    """

    def choose(register: Register) -> tuple[str | None, tuple[str | None, ...]]:
        if seen is not None and seen != register.version:
            raise Conflict("the serving adapter was changed meanwhile; look again before rolling back")
        target = rollback_target(register, to)
        return target, register.rolled_back(target)

    return _move(store, "rolled_back", reason, choose)


def rollback_target(register: Register, to: str | None = None) -> str | None:
    """What a rollback to `to` would serve; without `to` the latest one before that is not blocked.

    Raises Conflict as `rollback`, and NotFound for unknown ids.
    """
    if not register.earlier:
        raise Conflict("nothing to roll back to: no adapter was promoted before")
    if to is None:
        return next(id for id in reversed(register.earlier) if id is None or not register.entry(id).blocked)
    if to != BASE:
        register.allowed(to)
    return None if to == BASE else to


def remove_adapter(store: Store, adapter_id: str) -> None:
    """Take an adapter off the shelf. Raises NotFound, or Conflict for one that serves or is on trial."""
    with store.writing() as session:
        serving = _locked(session)
        register = _register(session)
        register.entry(adapter_id)
        if serving.adapter_id == adapter_id:
            raise Conflict(f"adapter {adapter_id!r} serves; promote another one or roll back first")
        if serving.trial_id == adapter_id:
            raise Conflict(f"adapter {adapter_id!r} is on trial; end that first (assistant adapters try --stop)")
        serving.earlier = [id for id in serving.earlier if id != adapter_id]
        session.delete(session.get_one(AdapterRow, adapter_id))


def block_adapters(store: Store, adapter_ids: Collection[str], reason: str) -> None:
    """Keep adapters from being promoted, rolled back to or tried from now on; a trial of one of them ends."""
    with store.writing() as session:
        serving = _locked(session)
        session.execute(
            update(AdapterRow)
            .where(AdapterRow.id.in_(adapter_ids), AdapterRow.blocked.is_(None))
            .values(blocked=clean(reason))
        )
        if serving.trial_id in adapter_ids:
            _end_trial(serving)
            serving.version += 1


def unblock_adapter(store: Store, adapter_id: str) -> None:
    """Lift a block. Raises NotFound."""
    with store.writing() as session:
        _register(session).entry(adapter_id)
        session.execute(update(AdapterRow).where(AdapterRow.id == adapter_id).values(blocked=None))


def begin_trial(store: Store, adapter_id: str, mode: TrialMode, share: float) -> Trial:
    """Let a candidate run beside the serving adapter; replaces an earlier trial. Raises NotFound, Conflict."""
    if not 0 < share <= 1:
        raise InvalidInput(f"share {share!r} must be above 0 and at most 1")
    with store.writing() as session:
        serving = _locked(session)
        _register(session).allowed(adapter_id)
        if serving.adapter_id == adapter_id:
            raise Conflict(f"adapter {adapter_id!r} serves already; there is nothing to compare it with")
        serving.trial_id, serving.trial_mode, serving.trial_share = adapter_id, mode, share
        serving.trial_since = now()
        serving.version += 1
        return Trial(adapter_id, mode, share, serving.trial_since)


def end_trial(store: Store) -> str | None:
    """End the trial; returns its candidate, None if there was none."""
    with store.writing() as session:
        serving = _locked(session)
        ended = serving.trial_id
        if ended is not None:
            _end_trial(serving)
            serving.version += 1
        return ended


def _move(store: Store, action: ChangeAction, reason: str, choose: Choice) -> Register:
    """Change pointer and history together; a choice that changes nothing leaves no trace."""
    with store.writing() as session:
        serving = _locked(session)
        target, earlier = choose(_register(session))
        if target != serving.adapter_id:
            serving.version += 1
            session.add(
                ServingChangeRow(
                    version=serving.version,
                    adapter_id=target,
                    previous_id=serving.adapter_id,
                    action=action,
                    reason=clean(reason),
                )
            )
            serving.adapter_id, serving.earlier = target, list(earlier)
            if serving.trial_id == target:
                _end_trial(serving)
            session.flush()
        return _register(session)


def _locked(session: Session) -> ServingRow:
    """The pointer, locked until the transaction ends (on SQLite the write transaction is the lock)."""
    return session.scalars(select(ServingRow).with_for_update()).one()


def _end_trial(row: ServingRow) -> None:
    row.trial_id = row.trial_mode = row.trial_share = row.trial_since = None


def _register(session: Session) -> Register:
    row = session.scalars(select(ServingRow)).one()
    rows = session.scalars(select(AdapterRow).order_by(AdapterRow.registered_at, AdapterRow.id))
    trial = None
    if row.trial_id and row.trial_mode and row.trial_share and row.trial_since:
        trial = Trial(row.trial_id, row.trial_mode, row.trial_share, row.trial_since)
    adapters = {found.id: _entry(found) for found in rows}
    return Register(adapters, row.adapter_id, tuple(row.earlier), row.version, trial)


def _entry(row: AdapterRow) -> Entry:
    moment = row.registered_at.isoformat(timespec="seconds")
    return Entry(row.id, row.manifest_sha256, moment, row.validation_loss, row.blocked)
