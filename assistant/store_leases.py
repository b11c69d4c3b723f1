"""Things that only one process may do at a time, whichever machine it runs on: a named lease in SQL with a heartbeat.

A lease ends when it is released, when it is not renewed in time, or when its process is seen to be gone (same machine).
Compares clocks of machines: they must agree to within half of LEASE_SECONDS. Knows nothing of what is done under it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Update, bindparam, select, text, update
from sqlalchemy.orm import Session

from assistant.errors import AssistantError, Conflict
from assistant.store import Store
from assistant.tables import UtcDateTime, now
from assistant.tables_learning import LeaseRow

LEASE_SECONDS = 60.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CREATE = text("INSERT INTO leases (name, holder, until) VALUES (:name, '', :until) ON CONFLICT DO NOTHING")


@dataclass(frozen=True, slots=True)
class Lease:
    """Proof of holding; `confirm` it in every transaction that must not happen twice."""

    name: str
    holder: str


@contextmanager
def lease(store: Store, name: str, seconds: float = LEASE_SECONDS) -> Iterator[Lease]:
    """Hold `name` for the length of the block. Raises Conflict when another process holds it."""
    held = Lease(name, f"{_this_process()}/{threading.get_ident()}")
    _take(store, held, seconds)
    stop = threading.Event()
    heart = threading.Thread(target=_renew, args=(store, held, seconds, stop), name=f"lease {name}", daemon=True)
    heart.start()
    try:
        yield held
    finally:
        stop.set()
        heart.join()
        with store.writing() as session:
            session.execute(_ours(held).values(holder="", until=EPOCH))


def confirm(session: Session, held: Lease) -> None:
    """Raises Conflict unless the lease is still held; it cannot be lost before the transaction ends."""
    row = session.scalars(select(LeaseRow).where(LeaseRow.name == held.name).with_for_update()).one()
    if row.holder != held.holder:
        raise Conflict(f"another process took over {held.name!r} because this one did not answer in time")


def _take(store: Store, held: Lease, seconds: float) -> None:
    create = _CREATE.bindparams(bindparam("until", type_=UtcDateTime()))
    with store.writing() as session:
        session.execute(create, {"name": held.name, "until": EPOCH})
        row = session.scalars(select(LeaseRow).where(LeaseRow.name == held.name).with_for_update()).one()
        if row.until > now() and not _gone(row.holder):
            raise Conflict(f"{held.name!r} is being done by {row.holder.rsplit('/', 1)[0]}; wait until it has finished")
        row.holder, row.until = held.holder, now() + timedelta(seconds=seconds)


def _renew(store: Store, held: Lease, seconds: float, stop: threading.Event) -> None:
    """The heartbeat; a database that is away for a moment is asked again, what is lost shows in `confirm`."""
    while not stop.wait(seconds / 4):
        try:
            with store.writing() as session:
                session.execute(_ours(held).values(until=now() + timedelta(seconds=seconds)))
        except AssistantError:
            continue


def _ours(held: Lease) -> Update:
    return update(LeaseRow).where(LeaseRow.name == held.name, LeaseRow.holder == held.holder)


def _this_process() -> str:
    """Host, process and, where the system tells, when it started and in which namespace: unique for a long time."""
    return f"{socket.gethostname()}/{_namespace()}/{os.getpid()}/{_started(os.getpid())}"


def _gone(holder: str) -> bool:
    """Whether the holder was a process of this very machine that has ended; False when that cannot be told."""
    parts = holder.split("/")
    if len(parts) != 5 or parts[0] != socket.gethostname() or not _namespace() or parts[1] != _namespace():
        return False
    return _started(int(parts[2])) != parts[3]


def _namespace() -> str:
    path = Path("/proc/self/ns/pid")
    return str(path.stat().st_ino) if path.exists() else ""


def _started(pid: int) -> str:
    """Clock ticks since boot at which a process started; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""
