"""Wakes the open event streams of a conversation when something in it changed, and remembers who is typing.

Carries no messages: a woken stream reads the store, so nothing is lost, doubled or held in memory.
What happens here can be told to other server processes (ui/live_relay.py) and heard from them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from assistant.errors import Overloaded, TooManyRequests

PER_CONVERSATION = 8
IN_ALL = 2000
TYPING_SECONDS = 8.0  # a sign of typing is good for so long; people who go on repeat it
MOST_TYPING = 10_000
NAME_CHARS = 80

Typist: TypeAlias = Literal["customer", "assistant", "person"]


@dataclass(frozen=True, slots=True)
class Typing:
    """Somebody writes in a conversation, until this time of `time.monotonic` if they do not say so again."""

    author: Typist
    name: str | None
    until: float


class Live:
    """The listeners of this process. `wake` and `typing` may be called from any thread."""

    def __init__(self, per_conversation: int = PER_CONVERSATION, in_all: int = IN_ALL) -> None:
        self._per_conversation = per_conversation
        self._in_all = in_all
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._typing: OrderedDict[tuple[str, Typist], Typing] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.listening = 0
        self.tell: Callable[[str], None] | None = None  # other processes, if there are any

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
        """Tell every stream of the conversation, in all processes, to look again."""
        self._wake_here(conversation_id)
        if self.tell is not None:
            self.tell(json.dumps({"wake": conversation_id}))

    def wake_all(self) -> None:
        """Tell every stream of this process to look again, after news from other processes may have been missed."""
        for conversation_id in list(self._listeners):
            self._wake_here(conversation_id)

    def typing(
        self, conversation_id: str, author: Typist, name: str | None = None, seconds: float = TYPING_SECONDS
    ) -> None:
        """Somebody writes, for `seconds` unless they say so again; 0: they have stopped."""
        name = name[:NAME_CHARS] if name else None
        self._types_here(conversation_id, author, name, seconds)
        if self.tell is not None:
            self.tell(json.dumps({"typing": conversation_id, "author": author, "name": name, "seconds": seconds}))

    def typists(self, conversation_id: str) -> list[Typing]:
        """Who is writing in the conversation now."""
        found = [self._typing.get((conversation_id, author)) for author in ("customer", "assistant", "person")]
        return [typing for typing in found if typing is not None and typing.until > time.monotonic()]

    def hear(self, news: str) -> None:
        """What another process told."""
        said = json.loads(news)
        if "wake" in said:
            self._wake_here(said["wake"])
        else:
            self._types_here(said["typing"], said["author"], said["name"], said["seconds"])

    def _types_here(self, conversation_id: str, author: Typist, name: str | None, seconds: float) -> None:
        key = (conversation_id, author)
        before = self._typing.pop(key, None)
        if seconds > 0:
            self._typing[key] = Typing(author, name, time.monotonic() + seconds)
            if len(self._typing) > MOST_TYPING:
                self._typing.popitem(last=False)
        if seconds > 0 or before is not None:
            self._wake_here(conversation_id)

    def _wake_here(self, conversation_id: str) -> None:
        if self._loop is not None and conversation_id in self._listeners:
            self._loop.call_soon_threadsafe(self._set, conversation_id)

    def _set(self, conversation_id: str) -> None:
        for event in self._listeners.get(conversation_id, ()):
            event.set()
