"""Server-sent events: encode, keep alive, and stop the producer as soon as the reader is gone.

Knows bytes on the wire; nothing of what the events mean.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ui.problems import Problem, problem_of

T = TypeVar("T")

PING_SECONDS = 15.0
STALL_SECONDS = 30.0  # a reader that takes nothing for so long is dropped


def sse(name: str | None, data: Any, event_id: str | None = None) -> bytes:
    """One event; `data` becomes one line of JSON."""
    return format_sse_event(data_str=json.dumps(data, ensure_ascii=False), event=name, id=event_id)


def error_event(problem: Problem) -> bytes:
    """A failure after the stream began."""
    data: dict[str, Any] = {"code": problem.code, "message": problem.message}
    if problem.retry_after is not None:
        data["retry_after"] = problem.retry_after
    return sse("error", data)


class EventStream(Response):
    """Streams what a generator yields; closes the generator when it ends, fails or loses its reader.

    Make it with `open_stream`. All steps of the generator run in one task of its own, so that nobody else's
    cancellation or timeout reaches into the middle of a step.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        pump: asyncio.Task[None],
        queue: asyncio.Queue[bytes | Exception | None],
        first: bytes | None,
        on_error: Callable[[Problem], bytes],
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._pump, self._queue, self._first, self._on_error = pump, queue, first, on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end, or until the reader has gone."""
        gone = asyncio.create_task(_reader_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            item: bytes | Exception | None = self._first
            while isinstance(item, bytes):
                async with asyncio.timeout(STALL_SECONDS):
                    await send({"type": "http.response.body", "body": item, "more_body": True})
                item = await self._next(gone)
            last = self._on_error(problem_of(item)) if isinstance(item, Exception) else b""
            await send({"type": "http.response.body", "body": last, "more_body": False})
        except (ClientDisconnect, TimeoutError, OSError):
            pass  # nobody is left to tell
        finally:
            await _stop(gone, self._pump)

    async def _next(self, gone: asyncio.Task[None]) -> bytes | Exception | None:
        """The next item, a ping when there is none for a while; raises ClientDisconnect."""
        if not self._queue.empty():
            return self._queue.get_nowait()
        get = asyncio.create_task(self._queue.get())
        try:
            await asyncio.wait({get, gone}, timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise ClientDisconnect
            return get.result() if get.done() else KEEPALIVE_COMMENT
        finally:
            get.cancel()


async def open_stream(
    request: Request, events: AsyncGenerator[bytes], on_error: Callable[[Problem], bytes] = error_event
) -> EventStream:
    """Start `events` and wait for the first, so that a failure before it is still a plain HTTP error.

    Raises what the generator raises before its first event, and ClientDisconnect.
    """
    queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(maxsize=1)
    pump = asyncio.create_task(_pump(events, queue))
    try:
        first = await unless_gone(request, queue.get())
    except BaseException:
        await _stop(pump)
        raise
    if isinstance(first, Exception):
        raise first
    return EventStream(pump, queue, first, on_error)


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, cancelled when the client goes away first; raises ClientDisconnect then."""
    gone = asyncio.create_task(_reader_gone(request.receive))
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        await _stop(gone, task)


async def _pump(events: AsyncGenerator[bytes], queue: asyncio.Queue[bytes | Exception | None]) -> None:
    try:
        async with aclosing(events):
            async for event in events:
                await queue.put(event)
    except Exception as error:
        await queue.put(error)
    else:
        await queue.put(None)


async def _reader_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stop(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
