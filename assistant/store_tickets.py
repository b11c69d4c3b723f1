"""Tickets: what customers leave behind when nobody is there, and where a waiting conversation stands in the queue.

Works on the sessions of a `Store`; knows nothing of office hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from assistant.errors import Conflict, InvalidInput, NotFound
from assistant.storable import clean, clean_or_none
from assistant.store import Store
from assistant.store_rows import lock_conversation, open_hand_over
from assistant.tables import ConversationRow, HandOverRow, now
from assistant.tables_staff import StaffRow, TicketRow

MOST_OPEN = 3  # open tickets of one conversation


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whom to answer and what about; `closed_at` is None while nobody has dealt with it."""

    id: str
    conversation_id: str
    name: str | None
    contact: str
    text: str
    created_at: datetime
    closed_at: datetime | None
    closed_by: str | None


def add_ticket(store: Store, conversation_id: str, contact: str, text: str, name: str | None = None) -> Ticket:
    """Store a contact form. Raises InvalidInput without a way to answer, Conflict after too many of them."""
    if not contact.strip() or not text.strip():
        raise InvalidInput("a contact form needs an e-mail address or phone number, and a text")
    with store.writing() as session:
        conversation = lock_conversation(session, conversation_id)
        still_open = TicketRow.conversation_id == conversation.id, TicketRow.closed_at.is_(None)
        if (session.scalar(select(func.count(TicketRow.id)).where(*still_open)) or 0) >= MOST_OPEN:
            raise Conflict("we already have your messages and will answer them")
        row = TicketRow(
            conversation_id=conversation.id,
            name=clean_or_none(name),
            contact=clean(contact.strip()),
            text=clean(text.strip()),
        )
        session.add(row)
        session.flush()
        return _ticket(row)


def tickets(store: Store, closed: bool = False, limit: int = 100) -> list[Ticket]:
    """Open tickets, the oldest first; or closed ones, the latest first."""
    query = select(TicketRow).limit(limit)
    if closed:
        query = query.where(TicketRow.closed_at.is_not(None)).order_by(TicketRow.closed_at.desc())
    else:
        query = query.where(TicketRow.closed_at.is_(None)).order_by(TicketRow.created_at)
    with store.reading() as session:
        return [_ticket(row) for row in session.scalars(query)]


def close_ticket(store: Store, ticket_id: str, name: str) -> Ticket:
    """Dealt with by `name`. Raises NotFound, and Conflict when somebody else was first."""
    with store.writing() as session:
        row = session.get(TicketRow, clean(ticket_id), with_for_update=True)
        if row is None:
            raise NotFound(f"there is no ticket {ticket_id!r}")
        if row.closed_by not in (None, name):
            raise Conflict(f"{row.closed_by} has already closed this ticket")
        row.closed_at, row.closed_by = row.closed_at or now(), name
        return _ticket(row)


def queue_position(store: Store, conversation_id: str) -> int | None:
    """1 for the conversation that waits longest; None for one that does not wait."""
    with store.reading() as session:
        own = open_hand_over(session, conversation_id)
        if own is None or own.taken_at is not None:
            return None
        earlier = (
            select(func.count(HandOverRow.id))
            .join(ConversationRow, ConversationRow.id == HandOverRow.conversation_id)
            .where(
                ConversationRow.state == "waiting",
                HandOverRow.closed_at.is_(None),
                HandOverRow.requested_at < own.requested_at,
            )
        )
        return 1 + (session.scalar(earlier) or 0)


def anyone_employed(store: Store) -> bool:
    """Is there a member of staff who could answer at all?"""
    with store.reading() as session:
        return session.scalar(select(StaffRow.name).where(~StaffRow.disabled).limit(1)) is not None


def _ticket(row: TicketRow) -> Ticket:
    return Ticket(
        row.id, row.conversation_id, row.name, row.contact, row.text, row.created_at, row.closed_at, row.closed_by
    )
