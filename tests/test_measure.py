"""Counting an engine's work must not change it, and must come back to zero whichever way a reply ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from assistant.engines import ChatMessage, Generation, Sampling
from assistant.errors import Overloaded
from tests.fakes import FakeEngine
from ui.measure import MeasuredEngine, Metrics, TurnClock


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """A sample of the registry; 0 when there is none."""
    return metrics.registry.get_sample_value(f"assistant_{name}", labels) or 0.0


async def test_a_reply_counts_as_busy_until_it_ends() -> None:
    metrics = Metrics()
    generation = await MeasuredEngine(FakeEngine(["one two"]), metrics).generate([], Sampling())
    assert value(metrics, "engine_busy") == 1
    assert [piece async for piece in generation.pieces] == ["one ", "two "]
    assert value(metrics, "engine_busy") == 0
    await generation.pieces.aclose()
    assert value(metrics, "engine_busy") == 0


async def test_the_models_share_of_the_time_is_told_without_the_readers() -> None:
    metrics = Metrics()
    generation = await MeasuredEngine(FakeEngine(["one two"], pause=0.05), metrics).generate([], Sampling())
    async for _ in generation.pieces:
        await asyncio.sleep(0.1)
    assert 0.1 <= value(metrics, "model_seconds_sum") < 0.19 and value(metrics, "model_seconds_count") == 1


async def test_a_closed_reply_is_closed_inside_too_begun_or_not() -> None:
    metrics, engine = Metrics(), FakeEngine(["one two", "three"])
    begun = await MeasuredEngine(engine, metrics).generate([], Sampling())
    assert await anext(begun.pieces) == "one " and engine.running == 1
    never = await MeasuredEngine(engine, metrics).generate([], Sampling())
    assert value(metrics, "engine_busy") == 2
    await begun.pieces.aclose()
    await never.pieces.aclose()
    assert value(metrics, "engine_busy") == 0 and engine.running == 0


async def test_a_cancelled_reader_frees_the_slot() -> None:
    metrics, engine = Metrics(), FakeEngine(["one"], pause=60)
    generation = await MeasuredEngine(engine, metrics).generate([], Sampling())
    reading = asyncio.ensure_future(anext(generation.pieces))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert value(metrics, "engine_busy") == 0 and engine.running == 0


async def test_an_error_thrown_in_reaches_the_engine() -> None:
    metrics, engine = Metrics(), FakeEngine(["one two"])
    generation = await MeasuredEngine(engine, metrics).generate([], Sampling())
    await anext(generation.pieces)
    with pytest.raises(ValueError):
        await generation.pieces.athrow(ValueError("x"))
    assert value(metrics, "engine_busy") == 0 and engine.running == 0


async def test_waiting_and_refused_replies_are_counted() -> None:
    class Full(FakeEngine):
        async def generate(self, messages: Sequence[ChatMessage], sampling: Sampling) -> Generation:
            await asyncio.sleep(0.02)
            raise Overloaded("full")

    metrics = Metrics()
    waiting = asyncio.ensure_future(MeasuredEngine(Full([]), metrics).generate([], Sampling()))
    await asyncio.sleep(0.01)
    assert value(metrics, "engine_queued") == 1
    with pytest.raises(Overloaded):
        await waiting
    assert value(metrics, "engine_queued") == 0 and value(metrics, "overloads_total") == 1


def test_a_replayed_reply_is_no_turn() -> None:
    metrics = Metrics()
    TurnClock(metrics).completed("answer")
    assert value(metrics, "turns_total", action="answer") == 0
    clock = TurnClock(metrics)
    clock.text()
    clock.text()
    clock.completed("answer")
    assert value(metrics, "turns_total", action="answer") == 1
    assert value(metrics, "first_text_seconds_count") == value(metrics, "turn_seconds_count") == 1
