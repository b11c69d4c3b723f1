"""Rates, places and body sizes: what is refused, when one may come back, and that memory stays bounded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from assistant.errors import Overloaded, TooManyRequests
from ui.limits import BodyLimit, Gate, RateLimit, address_key


@dataclass
class Clock:
    """A clock that the test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_tokens_and_refills_evenly() -> None:
    clock = Clock()
    limit = RateLimit("messages", 6, clock)
    for _ in range(6):
        limit.take("a")
    with pytest.raises(TooManyRequests) as refused:
        limit.take("a")
    assert refused.value.retry_after == 10
    clock.now += 9.9
    with pytest.raises(TooManyRequests) as refused:
        limit.take("a")
    assert refused.value.retry_after == 1
    clock.now += 0.2
    limit.take("a")
    limit.take("b")


def test_being_refused_does_not_push_the_end_further_away() -> None:
    clock = Clock()
    limit = RateLimit("messages", 1, clock)
    limit.take("a")
    for _ in range(59):
        clock.now += 1
        with pytest.raises(TooManyRequests):
            limit.take("a")
    clock.now += 1.01
    limit.take("a")


def test_a_bucket_never_holds_more_than_a_minute_of_tokens() -> None:
    clock = Clock()
    limit = RateLimit("messages", 2, clock)
    limit.take("a")
    clock.now += 3600
    limit.take("a")
    limit.take("a")
    with pytest.raises(TooManyRequests):
        limit.take("a")


def test_memory_is_bounded_however_many_callers_come() -> None:
    limit = RateLimit("messages", 1, Clock(), most_keys=100)
    for number in range(10_000):
        limit.take(str(number))
    assert len(limit) == 100
    with pytest.raises(TooManyRequests):
        limit.take("9999")


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("/run/socket", "/run/socket"),
        (None, "unknown"),
    ],
)
def test_rates_count_on_what_one_customer_controls(host: str | None, key: str) -> None:
    assert address_key(host) == key


def test_the_gate_admits_as_many_as_it_has_places_and_takes_them_back() -> None:
    gate = Gate(2, retry_after=3)
    with gate.enter():
        with gate.enter(), pytest.raises(Overloaded) as refused, gate.enter():
            raise AssertionError("never inside")
        assert refused.value.retry_after == 3 and gate.inside == 1
        with pytest.raises(ValueError), gate.enter():
            raise ValueError
        assert gate.inside == 1
    assert gate.inside == 0


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def client(seconds: float = 30.0) -> httpx.AsyncClient:
    """Talks to `echo` behind a limit of 1000 bytes."""
    transport = httpx.ASGITransport(BodyLimit(echo, 1000, seconds))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_a_body_within_the_limit_passes() -> None:
    async with client() as http:
        assert (await http.post("/", content=b"x" * 1000)).text == "1000"
        assert (await http.get("/")).text == "0"


async def test_a_declared_body_over_the_limit_is_refused_unread() -> None:
    async with client() as http:
        answer = await http.post("/", content=b"x" * 1001)
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "too_large"


async def test_a_streamed_body_over_the_limit_is_refused() -> None:
    async def chunks() -> Any:
        for _ in range(11):
            yield b"x" * 100

    async with client() as http:
        answer = await http.post("/", content=chunks())
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "too_large"


@pytest.mark.parametrize("length", ["-1", "1e9", "0x10", "９"])
async def test_a_length_that_is_no_plain_number_is_refused(length: str) -> None:
    async with client() as http:
        answer = await http.post("/", content=b"x", headers={"Content-Length": length.encode()})  # type: ignore[dict-item]
    assert answer.status_code == 413


async def test_a_body_that_trickles_is_given_up() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0.04)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    await BodyLimit(echo, 1000, seconds=0.1)(scope, receive, send)
    assert [message.get("status") for message in sent] == [408, None]


async def test_a_long_wait_after_the_body_is_no_timeout() -> None:
    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        assert (await receive())["type"] == "http.disconnect"
        await PlainTextResponse("fine")(scope, receive, send)

    messages = iter([(0.0, {"type": "http.request", "body": b"x"}), (0.2, {"type": "http.disconnect"})])
    sent: list[Message] = []

    async def receive() -> Message:
        seconds, message = next(messages)
        await asyncio.sleep(seconds)
        return message

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    await BodyLimit(waits, 1000, seconds=0.05)(scope, receive, send)
    assert sent[0]["status"] == 200
