"""What operators can see at /metrics: requests, turns, the engine and the index.

Counts and clocks only; no label ever holds an id, an address or text.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import overload

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.engines import Adapter, ChatMessage, Engine, Generation, Sampling
from assistant.errors import Overloaded

SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "assistant_http_requests", "HTTP requests", ("method", "route", "status"), registry=registry
        )
        self.turns = Counter("assistant_turns", "Turns by what the assistant did", ("action",), registry=registry)
        self.first_text = Histogram(
            "assistant_first_text_seconds", "Message to first text", buckets=SECONDS, registry=registry
        )
        self.turn_seconds = Histogram(
            "assistant_turn_seconds", "Message to stored reply", buckets=SECONDS, registry=registry
        )
        self.model_seconds = Histogram(
            "assistant_model_seconds", "Waiting for the model, per reply", buckets=SECONDS, registry=registry
        )
        self.overloads = Counter("assistant_overloads", "Replies refused for want of a place", registry=registry)
        self.busy = Gauge("assistant_engine_busy", "Replies being generated", registry=registry)
        self.queued = Gauge("assistant_engine_queued", "Replies waiting for a slot", registry=registry)
        self.slots = Gauge("assistant_engine_slots", "Replies that can be generated at a time", registry=registry)
        self.streams = Gauge("assistant_event_streams", "Open event streams", registry=registry)
        self.passages = Gauge("assistant_index_passages", "Passages of the index that is served", registry=registry)
        self.index = Gauge(
            "assistant_index_info", "1 for the index version that is served", ("version",), registry=registry
        )
        self.adapter = Gauge(
            "assistant_adapter_info", "1 for the adapter that replies", ("adapter",), registry=registry
        )
        self.swaps = Gauge("assistant_adapter_swaps", "Adapters taken over since the start", registry=registry)
        self.refused = Gauge(
            "assistant_adapter_refused", "1 while a promoted or tried adapter cannot be used", registry=registry
        )

    def adapters(self, serving: str | None, swaps: int, refused: bool) -> None:
        """What replies now."""
        self.adapter.clear()
        self.adapter.labels(serving or "base").set(1)
        self.swaps.set(swaps)
        self.refused.set(refused)

    def text(self) -> bytes:
        """The Prometheus exposition."""
        return generate_latest(self.registry)


class MeasuredEngine:
    """An engine whose waiting and running replies are counted."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine, self._metrics = engine, metrics

    @property
    def model(self) -> str:
        """As of the engine inside."""
        return self._engine.model

    @property
    def adapter(self) -> str | None:
        """As of the engine inside."""
        return self._engine.adapter

    @property
    def context_tokens(self) -> int:
        """As of the engine inside."""
        return self._engine.context_tokens

    async def generate(self, messages: Sequence[ChatMessage], sampling: Sampling) -> Generation:
        """As of the engine inside; counts as queued until it returns, then as busy until its pieces end."""
        started = time.perf_counter()
        try:
            with self._metrics.queued.track_inprogress():
                generation = await self._engine.generate(messages, sampling)
        except Overloaded:
            self._metrics.overloads.inc()
            raise
        waited = time.perf_counter() - started
        return Generation(generation.model, generation.adapter, CountedPieces(generation.pieces, self._metrics, waited))

    def count(self, text: str) -> int:
        """As of the engine inside."""
        return self._engine.count(text)

    async def use_adapter(self, adapter: Adapter | None) -> None:
        """As of the engine inside."""
        await self._engine.use_adapter(adapter)

    async def close(self) -> None:
        """As of the engine inside."""
        await self._engine.close()


class CountedPieces(AsyncGenerator[str]):
    """The pieces of a reply: busy from the start until they end, fail or are closed, begun or not."""

    def __init__(self, pieces: AsyncGenerator[str], metrics: Metrics, waited: float) -> None:
        self._pieces, self._metrics, self._waited, self._running = pieces, metrics, waited, True
        metrics.busy.inc()

    async def asend(self, value: None) -> str:
        """The next piece."""
        started = time.perf_counter()
        try:
            piece = await self._pieces.asend(value)
        except BaseException:
            self._ended()
            raise
        self._waited += time.perf_counter() - started
        return piece

    @overload
    async def athrow(
        self, typ: type[BaseException], val: BaseException | object = None, tb: TracebackType | None = None, /
    ) -> str: ...
    @overload
    async def athrow(self, typ: BaseException, val: None = None, tb: TracebackType | None = None, /) -> str: ...
    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> str:
        """Raise inside the engine's generator."""
        try:
            error = typ if isinstance(typ, BaseException) else typ()
            return await self._pieces.athrow(error)
        finally:
            self._ended()

    async def aclose(self) -> None:
        """Close the engine's generator, which frees its slot."""
        try:
            await self._pieces.aclose()
        finally:
            self._ended()

    def _ended(self) -> None:
        if self._running:
            self._running = False
            self._metrics.busy.dec()
            self._metrics.model_seconds.observe(self._waited)


class CountRequests:
    """Counts every request by its route's template, never by its path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; count when the response begins, so that long streams show at once."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(_method(scope), route_of(scope), str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)


class TurnClock:
    """The times of one turn."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._started = time.perf_counter()
        self._spoke = False

    def text(self) -> None:
        """A piece of the reply came."""
        if not self._spoke:
            self._spoke = True
            self._metrics.first_text.observe(time.perf_counter() - self._started)

    def completed(self, action: str) -> None:
        """The reply is complete; one that was only read from the store never spoke and is not counted."""
        if self._spoke:
            self._metrics.turns.labels(action).inc()
            self._metrics.turn_seconds.observe(time.perf_counter() - self._started)


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "OTHER"


def route_of(scope: Scope) -> str:
    """The template of the matched route, `page` for mounted pages, `none` when nothing matched."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    return "page" if "endpoint" in scope else "none"
