"""What a visitor hears: messages, who answers, who is typing; in order, once, and to the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from assistant.store import Store
from tests.storing import REPLY, ask
from ui.feed import feed
from ui.live import Live


async def next_event(events: AsyncGenerator[bytes], seconds: float = 5) -> tuple[str, Any]:
    async with asyncio.timeout(seconds):
        lines = (await anext(events)).decode().splitlines()
    found = dict(line.split(": ", 1) for line in lines if line)
    return found["event"], json.loads(found["data"])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feeds that would look by themselves only after the test."""
    monkeypatch.setattr("ui.feed.LOOK_SECONDS", 60)


async def test_taking_over_typing_and_closing_are_told(store: Store, chat: str, quick: None) -> None:
    live = Live()
    async with aclosing(feed(store, live, chat, None)) as events:
        assert await next_event(events) == ("state", {"state": "assistant"})
        store.take_over(chat, "Mei")
        live.wake(chat)
        assert await next_event(events) == ("state", {"state": "person", "name": "Mei"})
        assert await next_event(events) == ("taken_over", {"name": "Mei"})
        live.typing(chat, "person", "Mei")
        assert await next_event(events) == ("typing", {"author": "person", "name": "Mei", "typing": True})
        store.add_person_message(chat, "Hello.", "Mei")
        live.typing(chat, "person", "Mei", seconds=0)
        assert [(await next_event(events))[0] for _ in range(2)] == ["message", "typing"]
        store.close_conversation(chat)
        live.wake(chat)
        assert [(await next_event(events))[0] for _ in range(2)] == ["state", "closed"]
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    assert live.listening == 0


async def test_typing_ends_by_itself_and_the_visitors_own_is_not_told(store: Store, chat: str, quick: None) -> None:
    live = Live()
    async with aclosing(feed(store, live, chat, None)) as events:
        await next_event(events)
        live.typing(chat, "customer")
        live.typing(chat, "person", "Mei", seconds=0.3)
        assert await next_event(events) == ("typing", {"author": "person", "name": "Mei", "typing": True})
        assert await next_event(events) == ("typing", {"author": "person", "name": "Mei", "typing": False})


async def test_a_feed_goes_on_after_what_was_seen_with_markup_when_asked(store: Store, chat: str) -> None:
    first = ask(store, chat, "**hi**")
    store.add_reply(chat, first.id, REPLY)
    async with aclosing(feed(store, Live(), chat, first.id, markup=True)) as events:
        name, message = await next_event(events)
    assert name == "message" and message["blocks"] == [["p", "Thirty days."]]
    assert message["sources"] == [{"title": "returns.md", "label": "When", "place": "returns.md › Returns › When"}]
