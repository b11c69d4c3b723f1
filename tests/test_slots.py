"""Bounded slots: queueing, cancelling, time limits and errors, with sources that are not models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from assistant.engines import Sampling
from assistant.engines.slots import Slots, Source, room
from assistant.errors import InvalidInput, Overloaded, Unavailable

Begin = Callable[[], AbstractAsyncContextManager[Source]]


class Talker:
    """Yields `words` with pauses and counts what is under way and what was closed."""

    def __init__(self, *words: str, pause: float = 0.0, fail: Exception | None = None) -> None:
        self.words, self.pause, self.fail = words, pause, fail
        self.open = 0
        self.said = 0

    async def _say(self) -> AsyncGenerator[str]:
        for word in self.words:
            await asyncio.sleep(self.pause)
            self.said += 1
            yield word
        if self.fail:
            raise self.fail

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Source]:
        self.open += 1
        try:
            yield Source("adapter-7", self._say())
        finally:
            self.open -= 1


async def settle() -> None:
    """Let callbacks run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_pieces_come_in_order_with_model_and_adapter() -> None:
    slots, talker = Slots("m", 1, 0, 5), Talker("a", "b", "c")
    generation = await slots.generate(talker.begin)
    assert (generation.model, generation.adapter) == ("m", "adapter-7")
    assert [piece async for piece in generation.pieces] == ["a", "b", "c"]
    assert (slots.running, talker.open) == (0, 0)


async def test_an_empty_reply_is_no_error() -> None:
    generation = await Slots("m", 1, 0, 5).generate(Talker().begin)
    assert [piece async for piece in generation.pieces] == []


async def test_closing_before_the_first_read_frees_the_slot_and_stops_the_source() -> None:
    slots, talker = Slots("m", 1, 0, 5), Talker("a", *"b" * 1000, pause=0.001)
    generation = await slots.generate(talker.begin)
    await generation.pieces.aclose()
    assert (slots.running, talker.open) == (0, 0)
    assert talker.said < 5


async def test_cancelling_a_reply_that_has_not_begun_to_speak_frees_the_slot() -> None:
    slots, talker = Slots("m", 1, 0, 5), Talker("late", pause=60)
    task = asyncio.create_task(slots.generate(talker.begin))
    await asyncio.sleep(0.01)
    assert slots.running == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (slots.running, talker.open) == (0, 0)


async def test_a_reader_that_never_reads_holds_the_slot_no_longer_than_the_reply() -> None:
    slots = Slots("m", 1, 0, 5)
    generation = await slots.generate(Talker("a", "b").begin)
    await settle()
    assert slots.running == 0
    assert [piece async for piece in generation.pieces] == ["a", "b"]


async def test_callers_wait_in_order_and_those_past_the_queue_are_refused_at_once() -> None:
    slots = Slots("m", 1, 2, 5)
    running = await slots.generate(Talker("x", "y", pause=0.05).begin)
    order: list[int] = []

    async def wait(number: int) -> None:
        generation = await slots.generate(Talker("z").begin)
        order.append(number)
        assert [piece async for piece in generation.pieces] == ["z"]

    waiting = [asyncio.create_task(wait(number)) for number in range(2)]
    await settle()
    assert slots.waiting == 2
    with pytest.raises(Overloaded) as refused:
        await slots.generate(Talker("never").begin)
    assert 1 <= refused.value.retry_after <= 60
    assert [piece async for piece in running.pieces] == ["x", "y"]
    await asyncio.gather(*waiting)
    assert order == [0, 1]
    assert (slots.running, slots.waiting) == (0, 0)


async def test_a_waiting_caller_can_leave() -> None:
    slots = Slots("m", 1, 1, 5)
    running = await slots.generate(Talker("x", "y", pause=0.05).begin)
    waiting = asyncio.create_task(slots.generate(Talker("z").begin))
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert slots.waiting == 0
    await running.pieces.aclose()
    generation = await slots.generate(Talker("free").begin)
    assert [piece async for piece in generation.pieces] == ["free"]


async def test_waiting_too_long_is_an_overload_that_says_so() -> None:
    slots = Slots("m", 1, 5, 0.1)
    callers = [slots.generate(Talker("late", pause=9).begin) for _ in range(3)]
    running, _, waiting = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(running, Unavailable)
    assert isinstance(waiting, Overloaded) and "no slot became free within 0.1 s" in str(waiting)


async def test_a_reply_that_takes_too_long_is_cut_off_and_frees_the_slot() -> None:
    slots, talker = Slots("m", 1, 0, 0.05), Talker(*"abcdefghij", pause=0.02)
    generation = await slots.generate(talker.begin)
    got = []
    with pytest.raises(Unavailable, match="engine_seconds"):
        async for piece in generation.pieces:
            got.append(piece)
    assert 1 <= len(got) < 10
    assert (slots.running, talker.open) == (0, 0)


@pytest.mark.parametrize("words", [(), ("half",)])
async def test_errors_of_the_source_reach_the_reader_and_free_the_slot(words: tuple[str, ...]) -> None:
    slots, talker = Slots("m", 1, 0, 5), Talker(*words, fail=Unavailable("gone"))
    with pytest.raises(Unavailable, match="gone"):
        generation = await slots.generate(talker.begin)
        assert [piece async for piece in generation.pieces] == ["half"]
    await settle()
    assert (slots.running, talker.open) == (0, 0)


async def test_a_hundred_readers_that_vanish_at_any_moment_leave_every_slot_free() -> None:
    slots, talker = Slots("m", 4, 200, 5), Talker(*"abcdef", pause=0.001)

    async def read(number: int) -> None:
        generation = await slots.generate(talker.begin)
        async for _ in generation.pieces:
            await asyncio.sleep(0.0005 * (number % 3))

    tasks = [asyncio.create_task(read(number)) for number in range(100)]
    for number, task in enumerate(tasks):
        await asyncio.sleep(0.0007)
        if number % 2:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert (slots.running, slots.waiting, talker.open) == (0, 0, 0)
    generations = [await slots.generate(Talker("x").begin) for _ in range(4)]
    assert len(generations) == 4


def test_the_reply_gets_what_the_prompt_leaves() -> None:
    assert room(100, Sampling(max_tokens=50), 1000) == 50
    assert room(980, Sampling(max_tokens=50), 1000) == 20
    with pytest.raises(InvalidInput, match="1000 tokens, but prompt and reply together may have 1000"):
        room(1000, Sampling(), 1000)
