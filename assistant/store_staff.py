"""Members of staff and their logins; a login ends the moment its owner is disabled or gets another role or password.

Works on the sessions of a `Store`; knows nothing of cookies or of what a role may do.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from assistant.errors import Conflict, InvalidInput, NotFound, Unauthorized
from assistant.passwords import hash_password, matches
from assistant.storable import clean, identifier
from assistant.store import Store
from assistant.tables import ConversationRow, HandOverRow, now
from assistant.tables_staff import Role, StaffRow, StaffSessionRow

SESSION_HOURS = 12
MOST_SESSIONS = 20  # a person; the oldest ends when one more begins
NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff."""

    name: str
    role: Role
    disabled: bool
    created_at: datetime


def add_staff(store: Store, name: str, password: str, role: Role = "agent") -> Staff:
    """Raises Conflict when the name is taken and InvalidInput for a bad name or password."""
    name = identifier("name", name.strip())
    if not name or len(name) > NAME_CHARS or not name.isprintable():
        raise InvalidInput(f"name {name!r} must have 1 to {NAME_CHARS} printable characters")
    row = StaffRow(name=name, password_hash=hash_password(password), role=role)
    with store.writing() as session:
        if session.get(StaffRow, name):
            raise Conflict(f"there already is a member of staff {name!r}")
        session.add(row)
        session.flush()
        return _staff(row)


def list_staff(store: Store) -> list[Staff]:
    """Everybody, by name."""
    with store.reading() as session:
        return [_staff(row) for row in session.scalars(select(StaffRow).order_by(StaffRow.name))]


def disable_staff(store: Store, name: str, disabled: bool = True) -> Staff:
    """Lock a person out at once, or let them in again; conversations they held wait for somebody else."""
    with store.writing() as session:
        row = _locked(session, name)
        row.disabled = disabled
        if disabled:
            _end_sessions(session, row.name)
            _release(session, row.name)
        return _staff(row)


def set_role(store: Store, name: str, role: Role) -> Staff:
    """Another role; logins made under the old one end."""
    with store.writing() as session:
        row = _locked(session, name)
        if row.role != role:
            row.role = role
            _end_sessions(session, row.name)
        return _staff(row)


def set_password(store: Store, name: str, password: str) -> None:
    """A new password; logins made with the old one end."""
    hashed = hash_password(password)
    with store.writing() as session:
        row = _locked(session, name)
        row.password_hash = hashed
        _end_sessions(session, row.name)


def log_in(store: Store, name: str, password: str) -> tuple[str, Staff]:
    """A new session token and whose it is; raises the same Unauthorized whatever was wrong."""
    with store.reading() as session:
        row = _row(session, name)
        stored = row.password_hash if row else _nobody()
    right = matches(password, stored)
    token = secrets.token_urlsafe(32)
    with store.writing() as session:
        row = _row(session, name, lock=True) if right else None
        if row is None or row.disabled or row.password_hash != stored:
            raise Unauthorized("the name or the password is wrong")
        session.execute(delete(StaffSessionRow).where(StaffSessionRow.expires_at <= now()))
        _keep_newest(session, row.name, MOST_SESSIONS - 1)
        expires = now() + timedelta(hours=SESSION_HOURS)
        session.add(StaffSessionRow(token_hash=_hash(token), name=row.name, expires_at=expires))
        return token, _staff(row)


def logged_in(store: Store, token: str) -> Staff:
    """Whose session this is, by what the database says now; raises Unauthorized."""
    query = (
        select(StaffRow)
        .join(StaffSessionRow, StaffSessionRow.name == StaffRow.name)
        .where(StaffSessionRow.token_hash == _hash(token), StaffSessionRow.expires_at > now(), ~StaffRow.disabled)
    )
    with store.reading() as session:
        row = session.scalars(query).one_or_none()
        if row is None:
            raise Unauthorized("please log in to the desk")
        return _staff(row)


def log_out(store: Store, token: str) -> None:
    """End one session; an unknown one is no error."""
    with store.writing() as session:
        session.execute(delete(StaffSessionRow).where(StaffSessionRow.token_hash == _hash(token)))


def _row(session: Session, name: str, lock: bool = False) -> StaffRow | None:
    return session.get(StaffRow, name, with_for_update=lock) if clean(name) == name else None


@cache
def _nobody() -> str:
    """What unknown names are compared with, so that the time it takes tells nothing."""
    return hash_password(secrets.token_hex(8))


def _locked(session: Session, name: str) -> StaffRow:
    row = _row(session, name, lock=True)
    if row is None:
        raise NotFound(f"there is no member of staff {name!r}; see assistant staff list")
    return row


def _end_sessions(session: Session, name: str) -> None:
    session.execute(delete(StaffSessionRow).where(StaffSessionRow.name == name))


def _keep_newest(session: Session, name: str, most: int) -> None:
    own = select(StaffSessionRow.token_hash).where(StaffSessionRow.name == name)
    surplus = session.scalars(own.order_by(StaffSessionRow.created_at.desc()).offset(most)).all()
    session.execute(delete(StaffSessionRow).where(StaffSessionRow.token_hash.in_(surplus)))


def _release(session: Session, name: str) -> None:
    """What the person held waits again, since it was first asked for."""
    held = (
        select(ConversationRow, HandOverRow)
        .join(HandOverRow, HandOverRow.conversation_id == ConversationRow.id)
        .where(HandOverRow.taken_by == name, HandOverRow.closed_at.is_(None))
        .with_for_update()
    )
    for conversation, hand_over in session.execute(held).all():
        conversation.state, conversation.updated_at = "waiting", now()
        hand_over.taken_by = hand_over.taken_at = None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _staff(row: StaffRow) -> Staff:
    return Staff(row.name, row.role, row.disabled, row.created_at)
