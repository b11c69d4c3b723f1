"""Imports keep everything and recognise themselves; iteration and export read it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from assistant.conversation import Author, ImportedConversation, ImportedMessage
from assistant.errors import InvalidInput
from assistant.store import IMPORT_BATCH, Store
from assistant.store_logs import LIVE, LogFilter
from tests.storing import REPLY, ask, together


def imported(number: int, *texts: str, source: str = "zendesk") -> ImportedConversation:
    start = datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(hours=number)
    authors: tuple[Author, Author] = ("customer", "person")
    return ImportedConversation(
        source,
        f"t{number}",
        tuple(
            ImportedMessage(authors[n % 2], text, created_at=start + timedelta(minutes=n), rating=1 if n == 1 else None)
            for n, text in enumerate(texts or ("hi", "hello"))
        ),
        customer_id=f"c{number}",
        resolved=True,
        satisfaction=4,
    )


def test_an_import_keeps_everything_and_recognises_itself(store: Store) -> None:
    records = [imported(n) for n in range(1200)]
    first = store.import_conversations(iter(records))
    assert (first.added, first.updated, first.unchanged, first.messages) == (1200, 0, 0, 2400)
    again = store.import_conversations(iter(records))
    assert (again.added, again.updated, again.unchanged, again.messages) == (0, 0, 1200, 0)
    read = list(store.iter_conversations())
    assert len(read) == 1200
    assert [t.conversation.external_id for t in read] == [f"t{n}" for n in range(1200)]
    one = read[7]
    assert (one.conversation.state, one.conversation.channel, one.conversation.customer_id) == (
        "closed",
        "zendesk",
        "c7",
    )
    assert (one.conversation.resolved, one.conversation.satisfaction) == (True, 4)
    assert one.conversation.created_at == records[7].messages[0].created_at
    assert [(m.position, m.author, m.text, m.rating) for m in one.messages] == [
        (1, "customer", "hi", None),
        (2, "person", "hello", 1),
    ]
    assert [m.created_at for m in one.messages] == [m.created_at for m in records[7].messages]


def test_a_changed_record_is_rewritten_and_its_messages_keep_their_ids(store: Store) -> None:
    store.import_conversations([imported(1, "hi", "hello", "bye"), imported(2)])
    before = next(store.iter_conversations())
    longer = imported(1, "hi", "hello there", "bye", "see you")
    assert store.import_conversations([longer, imported(2)]).updated == 1
    after = next(store.iter_conversations())
    assert after.conversation.id == before.conversation.id
    assert [m.text for m in after.messages] == ["hi", "hello there", "bye", "see you"]
    assert [m.id for m in after.messages][:3] == [m.id for m in before.messages]
    assert store.import_conversations([imported(1, "hi")]).updated == 1
    shorter = next(store.iter_conversations())
    assert [(m.id, m.text, m.rating) for m in shorter.messages] == [(before.messages[0].id, "hi", None)]


def test_a_record_twice_in_one_import_is_stored_once(store: Store) -> None:
    counts = store.import_conversations([imported(1), imported(1), imported(1, "other")])
    assert (counts.added, counts.unchanged, counts.updated) == (1, 1, 1)
    assert len(list(store.iter_conversations())) == 1


def test_two_imports_at_once_store_each_record_once(store: Store) -> None:
    counts = together(4, lambda _: store.import_conversations([imported(n) for n in range(50)]))
    assert sum(count.added for count in counts) == 50
    assert len(list(store.iter_conversations())) == 50


def test_a_failing_stream_keeps_the_batches_before_it(store: Store) -> None:
    def records() -> Iterator[ImportedConversation]:
        yield from (imported(n) for n in range(700))
        raise ValueError("cut off")

    with pytest.raises(ValueError, match="cut off"):
        store.import_conversations(records())
    assert len(list(store.iter_conversations())) == 3 * IMPORT_BATCH
    assert store.import_conversations(imported(n) for n in range(700)).unchanged == 3 * IMPORT_BATCH


def test_missing_and_naive_time_stamps(store: Store) -> None:
    naive, east = datetime(2024, 5, 1, 10), datetime(2024, 5, 1, 20, tzinfo=timezone(timedelta(hours=8)))
    told = [None, naive, None, east]
    record = ImportedConversation("s", "x", tuple(ImportedMessage("customer", "m", created_at=at) for at in told))
    store.import_conversations([record, ImportedConversation("s", "y", ())])
    with_times, empty = sorted(store.iter_conversations(), key=lambda t: t.conversation.external_id or "")
    utc = [datetime(2024, 5, 1, hour, tzinfo=UTC) for hour in (10, 10, 10, 12)]
    assert [m.created_at for m in with_times.messages] == utc
    assert empty.messages == ()


def test_iteration_filters_and_survives_equal_times(store: Store, chat: str) -> None:
    same = [replace(imported(1), external_id=f"s{n}", source="other") for n in range(450)]
    store.import_conversations([*same, imported(2), imported(3)])
    ask(store, chat)
    read = [t.conversation.external_id for t in store.iter_conversations(LogFilter(source="other"))]
    assert sorted(map(str, read)) == sorted(f"s{n}" for n in range(450))
    assert [t.conversation.id for t in store.iter_conversations(LogFilter(source=LIVE))] == [chat]
    since, until = imported(2).messages[0].created_at, imported(3).messages[0].created_at
    assert [t.conversation.external_id for t in store.iter_conversations(LogFilter(since=since, until=until))] == ["t2"]


def test_an_export_imports_into_another_store_and_back(store: Store, chat: str, tmp_path: Path) -> None:
    store.import_conversations([imported(1), imported(2)])
    answer = store.add_reply(chat, ask(store, chat).id, REPLY)
    store.rate(answer.id, 1)
    exported = list(store.export_conversations())
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    assert other.import_conversations(exported).added == 3
    assert list(other.export_conversations()) == exported
    other.close()
    assert store.import_conversations(exported).unchanged == 3


def test_a_forgotten_customer_leaves_nothing_behind(store: Store) -> None:
    canary = "canary-7f3a"
    for customer in ("anna", "bob"):
        chat = store.create_conversation(channel="web", customer_id=customer).id
        question = ask(store, chat, f"{canary} {customer}" * 300, f"{canary} {customer}")
        answer = store.add_reply(chat, question.id, replace(REPLY, text=f"{canary} {customer}"))
        store.rate(answer.id, 1, f"{canary} {customer}")
        store.request_person(chat, f"{canary} {customer}")
    store.import_conversations([replace(imported(1, f"{canary} anna", "hello"), customer_id="anna")])
    gone = store.forget_customer("anna")
    assert (gone.customer_id, gone.conversations, gone.messages) == ("anna", 2, 4)
    assert [t.conversation.customer_id for t in store.iter_conversations()] == ["bob"]
    assert store.forget_customer("anna").conversations == 0


def test_no_byte_of_a_forgotten_customer_stays_in_the_files(sqlite_url: str, tmp_path: Path) -> None:
    store = Store(sqlite_url)
    for customer in ("anna", "bob") * 20:
        chat = store.create_conversation(channel="web", customer_id=customer).id
        question = ask(store, chat, f"canary of {customer} " * 500)
        store.add_reply(chat, question.id, replace(REPLY, text=f"canary of {customer}"))

    def found(text: str) -> bool:
        return any(text.encode() in path.read_bytes() for path in tmp_path.iterdir())

    assert found("canary of anna")
    assert store.forget_customer("anna").conversations == 20
    assert not found("canary of anna") and not found("anna")
    assert found("canary of bob")
    store.close()


def test_bad_imported_values_are_named() -> None:
    with pytest.raises(InvalidInput, match="7"):
        ImportedConversation("s", "x", (), satisfaction=7)
    with pytest.raises(InvalidInput, match="5"):
        ImportedMessage("customer", "x", rating=5)
