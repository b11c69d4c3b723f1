"""Who answers, from the request for a person to the close, also when many act at once."""

from __future__ import annotations

import pytest

from assistant.errors import Conflict
from assistant.store import Store
from tests.storing import together


def test_a_hand_over_from_request_to_close(store: Store, chat: str) -> None:
    assert store.request_person(chat, "asked").state == "waiting"
    assert store.request_person(chat, "asked again").state == "waiting"
    waiting = store.hand_over(chat)
    assert waiting is not None and waiting.reason == "asked" and waiting.taken_by is None
    assert store.take_over(chat, "Ann").state == "person"
    assert store.take_over(chat, "Ann").state == "person"
    with pytest.raises(Conflict, match="Ann"):
        store.take_over(chat, "Bob")
    taken = store.hand_over(chat)
    assert taken is not None and taken.id == waiting.id and taken.taken_by == "Ann" and taken.taken_at is not None
    assert store.give_back(chat).state == "assistant"
    assert store.hand_over(chat) is None
    assert store.take_over(chat, "Bob").state == "person"
    assert store.close_conversation(chat).state == "closed"
    assert store.close_conversation(chat).state == "closed"
    assert store.hand_over(chat) is None
    with pytest.raises(Conflict, match="closed"):
        store.request_person(chat, "asked")
    with pytest.raises(Conflict, match="closed"):
        store.take_over(chat, "Ann")
    with pytest.raises(Conflict, match="closed"):
        store.give_back(chat)


def test_one_of_many_agents_takes_over(store: Store, chat: str) -> None:
    def take(number: int) -> str | None:
        try:
            store.take_over(chat, f"agent {number}")
            return f"agent {number}"
        except Conflict:
            return None

    winners = [name for name in together(8, take) if name]
    held = store.hand_over(chat)
    assert held is not None and winners == [held.taken_by]


def test_racing_requests_open_one_hand_over(store: Store, chat: str) -> None:
    together(8, lambda n: store.request_person(chat, f"reason {n}"))
    assert store.hand_over(chat) is not None
