"""Rates, sizes and the number of turns under way: what is too much, and when to come back.

Knows counts and clocks; nothing of what a request asks for. Memory is bounded whatever comes in.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.errors import Overloaded, TooManyRequests
from ui.problems import Problem

MOST_KEYS = 50_000
BODY_SECONDS = 30.0  # for a whole request body to arrive


class RateLimit:
    """Token buckets: `per_minute` at once, refilled evenly; the buckets used longest ago are forgotten first."""

    def __init__(
        self,
        what: str,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        most_keys: int = MOST_KEYS,
    ) -> None:
        self._what, self._per_minute, self._clock, self._most_keys = what, per_minute, clock, most_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> tokens, at

    def take(self, key: str) -> None:
        """Use up one of `key`'s tokens; raises TooManyRequests with the seconds until the next one."""
        now = self._clock()
        tokens, at = self._buckets.pop(key, (float(self._per_minute), now))
        tokens = min(float(self._per_minute), tokens + (now - at) * self._per_minute / 60)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = math.ceil((1 - tokens) * 60 / self._per_minute)
            raise TooManyRequests(f"more than {self._per_minute} {self._what} a minute; wait {wait} s", max(1, wait))

    def __len__(self) -> int:
        return len(self._buckets)


class Gate:
    """Admits at most `places` turns at a time; the rest is told to come back instead of piling up."""

    def __init__(self, places: int, retry_after: int = 2) -> None:
        self.places, self.inside, self._retry_after = places, 0, retry_after

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place; raises Overloaded when there is none."""
        if self.inside >= self.places:
            raise Overloaded(
                f"all {self.places} places for replies are taken; try again in {self._retry_after} s",
                self._retry_after,
            )
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


def address_key(host: str | None) -> str:
    """What a rate is counted on: the IPv4 address, or the /64 network that one IPv6 customer controls."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class BodyLimit:
    """Answers 413 to a body over `most` bytes, declared or streamed, and 408 to one that does not arrive."""

    def __init__(self, app: ASGIApp, most: int, seconds: float = BODY_SECONDS) -> None:
        self._app, self._most, self._seconds = app, most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a guarded `receive`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared) > self._most:
            await self._too_large().response()(scope, receive, send)
            return
        await _Guarded(self._app, self._most, self._seconds).run(scope, receive, send)

    def _too_large(self) -> Problem:
        return Problem(413, "too_large", f"The request body is larger than {self._most} bytes.")


class _Guarded:
    """One request: counts what arrives, and answers in the application's stead once it is refused."""

    def __init__(self, app: ASGIApp, most: int, seconds: float) -> None:
        self._app, self._most, self._seconds = app, most, seconds
        self._size, self._complete = 0, False
        self._refused: Problem | None = None
        self._started = False

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        deadline: float | None = None

        async def guarded_receive() -> Message:
            nonlocal deadline
            if self._complete:
                return await receive()
            deadline = deadline or asyncio.get_running_loop().time() + self._seconds
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise self._refuse(408, "timeout", f"The request body did not arrive in {self._seconds:g} s.") from None
            self._size += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._size > self._most:
                raise self._refuse(413, "too_large", f"The request body is larger than {self._most} bytes.")
            return message

        async def guarded_send(message: Message) -> None:
            self._started = self._started or message["type"] == "http.response.start"
            if self._refused is None:
                await send(message)

        try:
            await self._app(scope, guarded_receive, guarded_send)
        except HTTPException:
            if self._refused is None:
                raise
        if self._refused is not None:
            await self._refused.response()(scope, receive, send)

    def _refuse(self, status: int, code: str, message: str) -> HTTPException:
        if not self._started:
            self._refused = Problem(status, code, message)
        return HTTPException(status, message)
