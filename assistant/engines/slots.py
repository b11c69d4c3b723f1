"""A bounded number of replies at a time, a bounded queue before them, and time limits; shared by all engines.

Knows nothing of models: it runs whatever yields pieces of text, and frees the slot whichever way that ends.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass

from assistant.engines import ChatMessage, Generation, Sampling
from assistant.errors import InvalidInput, Overloaded, Unavailable

LONGEST_RETRY_SECONDS = 60
MESSAGE_OVERHEAD = 8  # tokens a chat template adds to a message, generously


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pieces of one reply come from: exactly one adapter from first to last."""

    adapter: str | None
    pieces: AsyncGenerator[str]


class _Reply:
    """A reply under way: what was generated and not yet read, then None."""

    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self.adapter: str | None = None


def prompt_tokens(messages: Sequence[ChatMessage], count: Callable[[str], int]) -> int:
    """About how many tokens a rendered prompt has, erring on the long side."""
    return sum(count(message.content) + MESSAGE_OVERHEAD for message in messages) + MESSAGE_OVERHEAD


def room(prompt_tokens: int, sampling: Sampling, context_tokens: int) -> int:
    """How many tokens the reply may have, at most `sampling.max_tokens`.

    Raises InvalidInput when the prompt leaves no place for a reply.
    """
    left = context_tokens - prompt_tokens
    if left < 1:
        raise InvalidInput(
            f"the prompt has about {prompt_tokens} tokens, but prompt and reply together may have {context_tokens}: "
            "shorten the message, or raise the setting context_tokens"
        )
    return max(1, min(sampling.max_tokens, left))


class Slots:
    """At most `slots` replies run, at most `queue` wait, each no longer than `seconds`."""

    def __init__(self, model: str, slots: int, queue: int, seconds: float) -> None:
        self._model = model
        self._slots = slots
        self._queue = queue
        self._seconds = seconds
        self._free = asyncio.Semaphore(slots)
        self._running = 0
        self._waiting = 0
        self._usual_seconds = 2.0  # of one reply, smoothed; only to tell refused callers when to come back

    @property
    def running(self) -> int:
        """Replies under way."""
        return self._running

    @property
    def waiting(self) -> int:
        """Callers that wait for a slot."""
        return self._waiting

    async def generate(self, begin: Callable[[], AbstractAsyncContextManager[Source]]) -> Generation:
        """Wait for a slot, begin, and return once the first piece is there.

        The work runs in a task of its own, so a reader that is slow or never closes holds the slot no longer than the
        reply takes. Raises Overloaded when the queue is full or the wait too long, and whatever `begin` raises.
        """
        await self._acquire()
        reply = _Reply()
        reply.task = asyncio.create_task(self._work(begin, reply))
        started = time.monotonic()
        reply.task.add_done_callback(lambda done: self._release(done, started))
        pieces = _read(reply)
        await anext(pieces)  # waits for the first piece, and enters its try block: closing it now stops the work
        return Generation(model=self._model, adapter=reply.adapter, pieces=pieces)

    async def _acquire(self) -> None:
        if self._free.locked() and self._waiting >= self._queue:
            raise Overloaded(
                f"{self._running} replies are under way and {self._waiting} wait, which is the limit",
                self._retry_after(),
            )
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            raise Overloaded(f"no slot became free within {self._seconds:g} s", self._retry_after()) from None
        finally:
            self._waiting -= 1
        self._running += 1

    def _release(self, task: asyncio.Task[None], started: float) -> None:
        if not task.cancelled():
            task.exception()  # read by whoever reads the pieces; a reader that left must not cause a warning
            self._usual_seconds += 0.2 * (time.monotonic() - started - self._usual_seconds)
        self._running -= 1
        self._free.release()

    def _retry_after(self) -> int:
        expected = self._usual_seconds * (self._waiting + 1) / self._slots
        return min(max(1, math.ceil(expected)), LONGEST_RETRY_SECONDS)

    async def _work(self, begin: Callable[[], AbstractAsyncContextManager[Source]], reply: _Reply) -> None:
        try:
            async with asyncio.timeout(self._seconds) as limit, begin() as source, aclosing(source.pieces) as pieces:
                reply.adapter = source.adapter
                async for piece in pieces:
                    reply.pieces.put_nowait(piece)
        except TimeoutError as error:
            if limit.expired():
                raise Unavailable(f"the reply took longer than {self._seconds:g} s (setting engine_seconds)") from error
            raise
        finally:
            reply.pieces.put_nowait(None)


async def _read(reply: _Reply) -> AsyncGenerator[str]:
    """An empty string once the first piece has come, then the pieces.

    Closing it stops the work and returns when the slot is free.
    """
    try:
        piece = await reply.pieces.get()
        if piece is None:
            await reply.task  # raises what went wrong; otherwise the reply is empty
        yield ""
        while piece is not None:
            yield piece
            piece = await reply.pieces.get()
        await reply.task
    finally:
        reply.task.cancel()
        await asyncio.wait({reply.task})
