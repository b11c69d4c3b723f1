"""Event streams: the wire format, failures before and after the start, and producers that are always closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from assistant.errors import Conflict, Overloaded
from ui.sse import open_stream, sse, unless_gone


class Wire:
    """A client at the other end: stays until told to go, and keeps what it was sent."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def request(self) -> Request:
        return Request({"type": "http", "headers": []}, self.receive)

    @property
    def body(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()


class Producer:
    """Yields what it is given, and notes that it was closed."""

    def __init__(self, *items: bytes | Exception | float) -> None:
        self.items = items
        self.closed = False

    async def __call__(self) -> AsyncGenerator[bytes]:
        try:
            for item in self.items:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, float):
                    await asyncio.sleep(item)
                else:
                    yield item
        finally:
            self.closed = True


def test_an_event_is_name_id_and_one_line_of_json() -> None:
    assert sse("delta", {"text": "a\nb 你"}, "7") == 'event: delta\ndata: {"text": "a\\nb 你"}\nid: 7\n\n'.encode()


async def test_a_stream_is_sent_to_its_end() -> None:
    wire, producer = Wire(), Producer(b"one", b"two")
    await (await open_stream(wire.request, producer()))({}, wire.receive, wire.send)
    assert wire.body == "onetwo" and producer.closed
    headers = dict(wire.sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream") and headers[b"cache-control"] == b"no-store"
    assert headers[b"x-accel-buffering"] == b"no" and b"content-length" not in headers
    assert wire.sent[-1]["more_body"] is False


async def test_a_failure_before_the_first_event_is_raised() -> None:
    producer = Producer(Conflict("closed"))
    with pytest.raises(Conflict):
        await open_stream(Wire().request, producer())
    assert producer.closed


async def test_a_failure_after_it_is_the_last_event() -> None:
    wire, producer = Wire(), Producer(b"one\n\n", Overloaded("full", 3))
    await (await open_stream(wire.request, producer()))({}, wire.receive, wire.send)
    assert wire.body == 'one\n\nevent: error\ndata: {"code": "overloaded", "message": "full", "retry_after": 3}\n\n'


async def test_a_reader_that_goes_before_the_first_event_closes_the_producer() -> None:
    wire, producer = Wire(), Producer(60.0, b"late")
    asyncio.get_running_loop().call_later(0.05, wire.gone.set)
    with pytest.raises(ClientDisconnect):
        await open_stream(wire.request, producer())
    assert producer.closed


async def test_a_reader_that_goes_in_between_closes_the_producer() -> None:
    wire, producer = Wire(), Producer(b"one", 60.0, b"late")
    stream = await open_stream(wire.request, producer())
    asyncio.get_running_loop().call_later(0.05, wire.gone.set)
    await stream({}, wire.receive, wire.send)
    assert producer.closed and wire.body == "one"


async def test_a_reader_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.sse.STALL_SECONDS", 0.05)
    wire, producer = Wire(), Producer(*[b"x"] * 1000)

    async def stuck(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(60)

    await (await open_stream(wire.request, producer()))({}, wire.receive, stuck)
    assert producer.closed


async def test_a_cancelled_response_closes_the_producer() -> None:
    wire, producer = Wire(), Producer(b"one", 60.0)
    stream = await open_stream(wire.request, producer())
    task = asyncio.create_task(stream({}, wire.receive, wire.send))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert producer.closed


async def test_pings_fill_the_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.sse.PING_SECONDS", 0.02)
    wire, producer = Wire(), Producer(b"one\n\n", 0.1, b"two\n\n")
    await (await open_stream(wire.request, producer()))({}, wire.receive, wire.send)
    assert wire.body.startswith("one\n\n: ping\n\n") and wire.body.endswith("two\n\n")


async def test_work_is_cancelled_when_the_client_goes() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    wire = Wire()
    asyncio.get_running_loop().call_later(0.05, wire.gone.set)
    with pytest.raises(ClientDisconnect):
        await unless_gone(wire.request, work())
    assert cancelled.is_set()


async def test_work_that_ends_first_gives_its_result_or_its_error() -> None:
    async def divide(by: int) -> float:
        return 7 / by

    assert await unless_gone(Wire().request, divide(1)) == 7
    with pytest.raises(ZeroDivisionError):
        await unless_gone(Wire().request, divide(0))
