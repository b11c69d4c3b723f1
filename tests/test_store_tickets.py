"""Tickets are stored, bounded, and closed by one person."""

from __future__ import annotations

import pytest

from assistant.errors import Conflict, InvalidInput, NotFound
from assistant.store import Store
from assistant.store_tickets import MOST_OPEN, add_ticket, close_ticket, tickets


def test_a_ticket_from_form_to_close(store: Store, chat: str) -> None:
    made = add_ticket(store, chat, " ann@example.org ", "Where is my lamp?", "Ann")
    assert tickets(store) == [made]
    assert (made.contact, made.name, made.closed_at) == ("ann@example.org", "Ann", None)
    assert close_ticket(store, made.id, "Aoife").closed_by == "Aoife"
    assert close_ticket(store, made.id, "Aoife").closed_by == "Aoife"
    with pytest.raises(Conflict, match="Aoife"):
        close_ticket(store, made.id, "Ben")
    assert tickets(store) == []
    assert [t.id for t in tickets(store, closed=True)] == [made.id]


def test_tickets_are_bounded_and_need_a_way_to_answer(store: Store, chat: str) -> None:
    for contact, text in (("", "text"), ("ann@example.org", "  ")):
        with pytest.raises(InvalidInput):
            add_ticket(store, chat, contact, text)
    for _ in range(MOST_OPEN):
        add_ticket(store, chat, "ann@example.org", "Hello?")
    with pytest.raises(Conflict, match="already have"):
        add_ticket(store, chat, "ann@example.org", "Hello?")
    with pytest.raises(NotFound):
        close_ticket(store, "nope", "Aoife")
