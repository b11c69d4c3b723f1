"""What the store promises of conversations and messages, on both databases: order, once-only, one reply."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assistant.errors import InvalidInput, NotFound
from assistant.store import Store
from assistant.store_logs import LogFilter
from assistant.store_rows import ConversationFilter
from tests.storing import REPLY, ask


def test_a_conversation_is_found_as_it_was_created(store: Store) -> None:
    created = store.create_conversation(
        channel="widget", customer_id="c-1", token_hash="f00", language="zh", site="shop"
    )
    assert store.conversation(created.id) == created
    assert (created.state, created.channel, created.customer_id) == ("assistant", "widget", "c-1")
    assert (created.language, created.site) == ("zh", "shop")
    assert created.created_at.tzinfo == UTC
    assert abs(datetime.now(UTC) - created.created_at) < timedelta(minutes=1)
    assert store.token_hash(created.id) == "f00"


def test_conversation_ids_cannot_be_guessed(store: Store) -> None:
    ids = [store.create_conversation(channel="web").id for _ in range(50)]
    # version 4: 122 random bits, nothing of time or order
    assert all(id[14] == "4" for id in ids)
    assert len({id[:8] for id in ids}) > 40


@pytest.mark.parametrize("unknown", ["", "nope", "a\x00b", "\ud800", "x" * 10_000, "' OR 1=1 --"])
def test_unknown_ids_are_not_found(store: Store, unknown: str) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: store.conversation(unknown),
        lambda: store.token_hash(unknown),
        lambda: store.messages(unknown),
        lambda: store.recent_messages(unknown, 5),
        lambda: store.message(unknown),
        lambda: store.messages_until(unknown, 5),
        lambda: store.trace(unknown),
        lambda: store.rate(unknown, 1),
        lambda: store.add_customer_message(unknown, "hi"),
        lambda: store.add_reply(unknown, unknown, REPLY),
        lambda: store.add_person_message(unknown, "hi", "Ann"),
        lambda: store.request_person(unknown, "asked"),
        lambda: store.take_over(unknown, "Ann"),
        lambda: store.give_back(unknown),
        lambda: store.close_conversation(unknown),
        lambda: store.set_satisfaction(unknown, 5),
        lambda: store.reply_to(unknown),
        lambda: store.hand_over(unknown),
    ]
    store.create_conversation(channel="web")
    for call in calls:
        with pytest.raises(NotFound):
            call()
    assert store.find_conversations(ConversationFilter(customer_id=unknown, channel=unknown)) == []
    assert store.documents(source=unknown) == []
    assert list(store.iter_conversations(LogFilter(source=unknown))) == []


def test_listing_pages_by_last_change(store: Store) -> None:
    ids = [store.create_conversation(channel="web", customer_id=f"c{n % 2}").id for n in range(7)]
    ask(store, ids[2])
    expected = [ids[2], *(id for id in reversed(ids) if id != ids[2])]
    page, seen = store.find_conversations(limit=3), []
    while page:
        seen += [conversation.id for conversation in page]
        page = store.find_conversations(limit=3, before=page[-1])
    assert seen == expected
    store.request_person(ids[4], "asked")
    assert [c.id for c in store.find_conversations(ConversationFilter(states=["waiting", "person"]))] == [ids[4]]
    assert {c.id for c in store.find_conversations(ConversationFilter(customer_id="c1"))} == {ids[1], ids[3], ids[5]}
    assert store.find_conversations(ConversationFilter(channel="cli")) == []


def test_satisfaction_is_kept_and_replaced(store: Store, chat: str) -> None:
    store.set_satisfaction(chat, 2, "slow")
    store.set_satisfaction(chat, 5, None)
    found = store.conversation(chat)
    assert (found.satisfaction, found.satisfaction_comment) == (5, None)
    for score in (0, 6, -1):
        with pytest.raises(InvalidInput, match=str(score)):
            store.set_satisfaction(chat, score)


def test_deleting_a_conversation_takes_its_rows_along(store: Store, chat: str) -> None:
    answer = store.add_reply(chat, ask(store, chat).id, REPLY)
    store.rate(answer.id, 1)
    store.request_person(chat, "asked")
    with store.writing() as session:
        for table in ("messages", "traces", "ratings", "hand_overs"):
            assert session.connection().exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
        session.connection().exec_driver_sql("DELETE FROM conversations")
    with store.reading() as session:
        for table in ("messages", "traces", "ratings", "hand_overs"):
            assert session.connection().exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0
