"""What happens in one conversation, as it happens, for the visitor it belongs to.

Reads the store when woken; knows nothing of HTTP or of who wakes it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import TypeAlias

from assistant.conversation import Conversation
from assistant.store import Store
from ui.live import Live, Typing, Typist
from ui.sse import sse
from ui.wire import MOST_MESSAGES, message_out

Writer: TypeAlias = "tuple[Typist, str | None]"

LOOK_SECONDS = 15.0  # a feed also looks by itself: another process may have written


async def feed(
    store: Store, live: Live, conversation_id: str, after: str | None, markup: bool = False
) -> AsyncGenerator[bytes]:
    """Server-sent events until the conversation closes; messages after `after`, or from now on."""
    with live.listen(conversation_id) as woken:
        seen = after or await _latest(store, conversation_id)
        state: tuple[str, str | None] | None = None
        typing: list[Writer] = []
        while True:
            woken.clear()
            new = await asyncio.to_thread(store.messages, conversation_id, seen, MOST_MESSAGES)
            conversation = await asyncio.to_thread(store.conversation, conversation_id)
            for message in new:
                seen = message.id
                yield sse("message", message_out(message, markup).model_dump(mode="json"), message.id)
            now = (conversation.state, await _name(store, conversation))
            if now != state:
                for line in _state(*now, first=state is None):
                    yield line
                state = now
            writing = _visible(live.typists(conversation_id))
            types = [(t.author, t.name) for t in writing]
            for line in _typing(typing, types):
                yield line
            typing = types
            if len(new) == MOST_MESSAGES:
                continue
            if conversation.state == "closed":
                return
            await _wait(woken, min([LOOK_SECONDS, *(t.until - time.monotonic() for t in writing)]))


def _state(state: str, name: str | None, first: bool) -> list[bytes]:
    """The state, and what has just happened by its own name."""
    lines = [sse("state", {"state": state, "name": name} if name else {"state": state})]
    if state == "person" and not first:
        lines.append(sse("taken_over", {"name": name}))
    if state == "closed":
        lines.append(sse("closed", {}))
    return lines


def _typing(before: list[Writer], now: list[Writer]) -> list[bytes]:
    began = [sse("typing", {"author": a, "name": n, "typing": True}) for a, n in now if (a, n) not in before]
    ended = [sse("typing", {"author": a, "name": n, "typing": False}) for a, n in before if (a, n) not in now]
    return ended + began


def _visible(typists: list[Typing]) -> list[Typing]:
    """Visitors know that they themselves are typing."""
    return [typing for typing in typists if typing.author != "customer"]


async def _name(store: Store, conversation: Conversation) -> str | None:
    if conversation.state != "person":
        return None
    hand_over = await asyncio.to_thread(store.hand_over, conversation.id)
    return hand_over.taken_by if hand_over else None


async def _latest(store: Store, conversation_id: str) -> str | None:
    last = await asyncio.to_thread(store.recent_messages, conversation_id, 1)
    return last[-1].id if last else None


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(seconds, 0.05)):
            await event.wait()
    except TimeoutError:
        pass
