"""Waking the streams of a conversation, from anywhere, and never more than were agreed."""

from __future__ import annotations

import asyncio

import pytest

from assistant.errors import Overloaded, TooManyRequests
from ui.live import Live


async def test_only_the_streams_of_that_conversation_wake() -> None:
    live = Live()
    with live.listen("a") as one, live.listen("a") as two, live.listen("b") as other:
        live.wake("a")
        await asyncio.sleep(0.01)
        assert one.is_set() and two.is_set() and not other.is_set()
    assert live.listening == 0


async def test_any_thread_may_wake() -> None:
    live = Live()
    with live.listen("a") as woken:
        await asyncio.to_thread(live.wake, "a")
        async with asyncio.timeout(1):
            await woken.wait()


async def test_waking_nobody_is_fine_also_before_and_after_any_listened() -> None:
    live = Live()
    live.wake("a")
    with live.listen("a"):
        live.wake("b")
    live.wake("a")
    await asyncio.sleep(0)
    assert live.listening == 0


async def test_streams_are_bounded_per_conversation_and_in_all() -> None:
    live = Live(per_conversation=1, in_all=2)
    with live.listen("a"):
        with pytest.raises(TooManyRequests), live.listen("a"):
            raise AssertionError("never inside")
        with live.listen("b"), pytest.raises(Overloaded), live.listen("c"):
            raise AssertionError("never inside")
        assert live.listening == 1
        with live.listen("c"):
            assert live.listening == 2
    with live.listen("a"):
        assert live.listening == 1
