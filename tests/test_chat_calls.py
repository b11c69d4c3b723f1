"""The calls of the chat page: whose conversation, what is shown, how a reply grows, what a stop frees."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from assistant.conversation import Delta, Event
from assistant.errors import InvalidInput, NotFound, TooManyRequests
from assistant.settings import Settings, load_settings
from assistant.store import Store
from tests.chatting import HOME, RETURNS, chat_calls, known_conversation
from tests.fakes import FakeEngine
from ui.chat_calls import ChatCalls, paced
from ui.chat_wire import Snapshot

GOOD = "You can return lamps within 30 days."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings.sqlalchemy_url)
    yield opened
    opened.close()


async def send(calls: ChatCalls, known: dict[str, Any], text: str, key: str = "k1") -> list[Snapshot]:
    asked = known | {"text": text, "client_message_id": key}
    async with aclosing(calls.send(asked, HOME)) as snapshots:
        return [snapshot async for snapshot in snapshots]


async def answered(calls: ChatCalls) -> tuple[dict[str, Any], dict[str, Any]]:
    known = await known_conversation(calls)
    message = (await send(calls, known, "How long may I return a lamp?"))[-1].message
    assert message is not None
    return known, message


async def test_a_reply_grows_and_ends_with_the_stored_message(store: Store, settings: Settings) -> None:
    calls = chat_calls(store, settings, FakeEngine([GOOD], pause=0.01))
    snapshots = await send(calls, await known_conversation(calls), "How long may I return a lamp?")
    assert len({str(s.blocks) for s in snapshots}) > 3
    assert all(s.turn == "k1" and s.problem is None for s in snapshots)
    assert [s.done for s in snapshots].count(True) == 1 and snapshots[-1].done
    message = snapshots[-1].message
    assert message is not None and message["blocks"] == [["p", GOOD]] and message["action"] == "answer"
    assert store.message(message["id"]).text == GOOD
    assert message["sources"][0] == {
        "title": "Returns",
        "label": "How long you have",
        "place": "Returns › How long you have",
    }


async def test_the_page_is_told_that_the_server_lives_while_it_waits() -> None:
    async def slow() -> AsyncGenerator[Event]:
        await asyncio.sleep(0.12)
        yield Delta("a")
        yield Delta("b")

    async with aclosing(paced(slow(), 0.05)) as batches:
        found = [batch async for batch in batches]
    assert found[:2] == [[], []]
    assert [event for batch in found for event in batch] == [Delta("a"), Delta("b")]


async def test_a_failure_between_events_reaches_the_reader() -> None:
    async def broken() -> AsyncGenerator[Event]:
        yield Delta("a")
        raise NotFound("gone")

    with pytest.raises(NotFound):
        async with aclosing(paced(broken(), 1)) as batches:
            async for batch in batches:
                assert batch == [Delta("a")]


async def test_stopping_frees_the_engine_at_once_and_a_retry_stores_nothing_twice(
    store: Store, settings: Settings
) -> None:
    engine = FakeEngine([GOOD + " x" * 500, GOOD], pause=0.02)
    calls = chat_calls(store, settings, engine)
    known = await known_conversation(calls)
    asked = known | {"text": "How long may I return a lamp?", "client_message_id": "k1"}
    async with aclosing(calls.send(asked, HOME)) as snapshots:
        async for snapshot in snapshots:
            if snapshot.blocks:
                break
    begun = time.monotonic()
    while engine.running and time.monotonic() - begun < 2:
        await asyncio.sleep(0.01)
    assert engine.running == 0 and calls.services.gate.inside == 0
    assert [m.author for m in store.messages(known["conversation"])] == ["customer"]
    await send(calls, known, "How long may I return a lamp?")
    assert [m.author for m in store.messages(known["conversation"])] == ["customer", "assistant"]


async def test_a_conversation_opens_only_with_its_own_token(store: Store, settings: Settings) -> None:
    calls = chat_calls(store, settings, FakeEngine([GOOD, GOOD]))
    known, message = await answered(calls)
    stranger = await known_conversation(calls)
    opened = await calls.open(known, HOME)
    assert [m["author"] for m in opened["messages"]] == ["customer", "assistant"]
    assert opened["messages"][1]["sources"] == message["sources"]
    for token in (stranger["token"], "", "x", None):
        assert (await calls.open(known | {"token": token or "-"}, HOME))["messages"] is None
    foreign = {"conversation": known["conversation"], "token": stranger["token"]}
    for call in (calls.news, calls.ask_person):
        with pytest.raises(NotFound):
            await call(foreign, HOME)
    refused = await send(calls, foreign, "hello")
    assert refused[-1].problem is not None and refused[-1].problem["code"] == "not_found"
    assert len(store.messages(known["conversation"])) == 2


async def test_messages_of_another_conversation_cannot_be_rated_or_opened(store: Store, settings: Settings) -> None:
    calls = chat_calls(store, settings, FakeEngine([GOOD]))
    _, message = await answered(calls)
    stranger = await known_conversation(calls)
    with pytest.raises(NotFound):
        await calls.rate(stranger | {"message": message["id"], "value": 1}, HOME)
    with pytest.raises(NotFound):
        await calls.source(stranger | {"message": message["id"], "number": 1}, HOME)
    assert store.message(message["id"]).rating is None


async def test_a_source_shows_the_whole_passage_and_the_words_cited(store: Store, settings: Settings) -> None:
    calls = chat_calls(store, settings, FakeEngine([GOOD]))
    known, message = await answered(calls)
    source = await calls.source(known | {"message": message["id"], "number": 1}, HOME)
    assert source["headings"] == ["How long you have"] and source["file"] == "returns.md"
    assert source["blocks"][0][1:3] == ["You can ", ["strong", "return"]]
    assert all(quote in RETURNS.text for quote in source["quotes"]) and not source["changed"]
    with pytest.raises(NotFound):
        await calls.source(known | {"message": message["id"], "number": 2}, HOME)


async def test_a_dangerous_address_of_a_document_is_not_passed_on(store: Store, settings: Settings) -> None:
    calls = chat_calls(store, settings, FakeEngine(["Delivery costs 4 euro."]))
    known = await known_conversation(calls)
    message = (await send(calls, known, "How much is delivery?"))[-1].message
    assert message is not None
    source = await calls.source(known | {"message": message["id"], "number": 1}, HOME)
    assert source["row"] == 2 and source["url"] is None


async def test_a_rating_with_a_comment_is_stored_and_shown_again(store: Store, settings: Settings) -> None:
    calls = chat_calls(store, settings, FakeEngine([GOOD]))
    known, message = await answered(calls)
    await calls.rate(known | {"message": message["id"], "value": -1, "comment": "too short"}, HOME)
    assert (await calls.open(known, HOME))["messages"][1]["rating"] == -1
    with pytest.raises(InvalidInput):
        await calls.rate(known | {"message": message["id"], "value": 5}, HOME)


async def test_asking_for_a_person_waits_and_brings_what_staff_write(store: Store, settings: Settings) -> None:
    calls = chat_calls(store, settings, FakeEngine([GOOD]))
    known, message = await answered(calls)
    assert (await calls.ask_person(known, HOME))["state"] == "waiting"
    assert (await calls.ask_person(known, HOME))["state"] == "waiting"
    store.add_person_message(known["conversation"], "Hello, **Aoife** here.", "Aoife")
    news = await calls.news(known | {"after": message["id"]}, HOME)
    assert news["state"] == "waiting"
    assert [(m["author"], m["name"]) for m in news["messages"]] == [("person", "Aoife")]


async def test_thin_evidence_ends_in_an_offer_of_a_person(store: Store, settings: Settings) -> None:
    calls = chat_calls(store, settings, FakeEngine([]), evidence=0.05)
    last = (await send(calls, await known_conversation(calls), "Do you rent out lamps?"))[-1]
    assert last.message is not None and last.message["action"] == "hand_over" and last.state == "assistant"


async def test_an_empty_page_gets_example_questions_in_its_language(store: Store, settings: Settings) -> None:
    calls = chat_calls(store, settings, FakeEngine([]))
    opened = await calls.open({"language": "en"}, HOME)
    assert opened == {
        "messages": None,
        "state": "assistant",
        "questions": ["How much is delivery?", "How long you have"],
    }
    assert (await calls.open({"language": "xx"}, HOME))["questions"] == opened["questions"]
    assert (await calls.open({"language": "zh"}, HOME))["questions"] == []


async def test_limits_of_the_api_hold_here_too(store: Store, tmp_path: Path) -> None:
    settings = load_settings(
        tmp_path, messages_per_minute=1, conversations_per_minute=1, requests_per_minute=4, max_message_chars=20
    )
    calls = chat_calls(store, settings, FakeEngine([GOOD]))
    known = await known_conversation(calls)
    with pytest.raises(TooManyRequests):
        await known_conversation(calls)
    long = (await send(calls, known, "x" * 21))[-1].problem
    assert long is not None and long["code"] == "too_large"
    assert (await send(calls, known, "hi"))[-1].problem is None
    with pytest.raises(TooManyRequests):
        await calls.news(known, HOME)


async def test_a_full_house_is_said_and_not_waited_for(store: Store, settings: Settings) -> None:
    calls = chat_calls(store, settings, FakeEngine([GOOD]))
    known = await known_conversation(calls)
    calls.services.gate.inside = calls.services.gate.places
    problem = (await send(calls, known, "hi"))[-1].problem
    assert problem is not None and problem["code"] == "overloaded" and problem["retry_after"] >= 1


@pytest.mark.parametrize("asked", [{}, {"text": ""}, {"text": ["x"]}, {"text": "hi", "client_message_id": "x" * 300}])
async def test_nonsense_is_refused_in_words(store: Store, settings: Settings, asked: dict[str, Any]) -> None:
    calls = chat_calls(store, settings, FakeEngine([]))
    known = await known_conversation(calls)
    async with aclosing(calls.send(known | asked, HOME)) as snapshots:
        found = [snapshot async for snapshot in snapshots]
    assert len(found) == 1 and found[0].problem is not None and found[0].problem["code"] == "invalid"
