"""Live signals count what came of the turns in which an adapter was asked, on both kinds of databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from assistant.store import Store
from assistant.store_live import live_signals
from assistant.tables import now
from tests.storing import REPLY, ask


def turn(store: Store, chat: str, consulted: str | None, unsupported: str | None = None) -> str:
    """A stored reply for which `consulted` was asked; returns its id."""
    details = REPLY.trace | {"consulted": consulted, "unsupported": unsupported}
    return store.add_reply(chat, ask(store, chat).id, replace(REPLY, trace=details)).id


def test_only_turns_of_the_adapter_within_the_time_count(store: Store) -> None:
    start = now()
    good, bad, handed = (store.create_conversation(channel="web").id for _ in range(3))
    store.rate(turn(store, good, "a"), 1)
    store.rate(turn(store, bad, "a", "It costs 5 euros."), -1)
    turn(store, bad, "a")
    turn(store, handed, "a")
    store.request_person(handed, "asked_for_person")
    turn(store, good, "base")
    turn(store, good, None)
    end = now() + timedelta(seconds=1)
    found = live_signals(store, "a", start, end)
    assert found.rated_bad == (False, True)
    assert found.unsupported == (False, True, False, False)
    assert found.handed_over == (False, False, True)
    base = live_signals(store, "base", start, end)
    assert (base.rated_bad, base.unsupported, base.handed_over) == ((), (False,), (False,))
    assert live_signals(store, "a", end, end + timedelta(days=1)).unsupported == ()


def test_a_conversation_that_staff_took_over_unasked_counts_for_nothing(store: Store) -> None:
    start = now()
    chat = store.create_conversation(channel="web").id
    turn(store, chat, "a")
    store.take_over(chat, "Kim")
    assert live_signals(store, "a", start, now() + timedelta(seconds=1)).handed_over == (False,)
