"""Wakes the open event streams of a conversation when something in it changed.

Carries no data: a woken stream reads the store, so nothing is lost, doubled or held in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from assistant.errors import Overloaded, TooManyRequests

PER_CONVERSATION = 8
IN_ALL = 2000


class Live:
    """The listeners of this process. `wake` may be called from any thread."""

    def __init__(self, per_conversation: int = PER_CONVERSATION, in_all: int = IN_ALL) -> None:
        self._per_conversation = per_conversation
        self._in_all = in_all
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.listening = 0

    @contextmanager
    def listen(self, conversation_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever the conversation changes; raises TooManyRequests or Overloaded."""
        if self.listening >= self._in_all:
            raise Overloaded(f"{self._in_all} event streams are open; try again soon", retry_after=10)
        listeners = self._listeners.setdefault(conversation_id, set())
        if len(listeners) >= self._per_conversation:
            raise TooManyRequests(
                f"this conversation already has {self._per_conversation} event streams; close one first", 10
            )
        self._loop = asyncio.get_running_loop()
        event = asyncio.Event()
        listeners.add(event)
        self.listening += 1
        try:
            yield event
        finally:
            self.listening -= 1
            listeners.discard(event)
            if not listeners:
                self._listeners.pop(conversation_id, None)

    def wake(self, conversation_id: str) -> None:
        """Tell every stream of the conversation to look again."""
        if self._loop is not None and conversation_id in self._listeners:
            self._loop.call_soon_threadsafe(self._set, conversation_id)

    def _set(self, conversation_id: str) -> None:
        for event in self._listeners.get(conversation_id, ()):
            event.set()
