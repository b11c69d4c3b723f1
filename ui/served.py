"""The assistant as one server process offers it: turns are measured, announced, and never generated twice.

Every surface (API, OpenAI API, web chat) uses this one; knows nothing of HTTP or Gradio.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, fields

from assistant.conversation import Accepted, Completed, Delta, Event, WaitingForPerson
from assistant.engines import ChatMessage, Engine
from assistant.settings import Settings
from assistant.turn import Assistant
from assistant.wiring import build_engine
from retrieval.documents import Hit
from ui.drafting import Drafts
from ui.following import Follower
from ui.live import Live
from ui.measure import MeasuredEngine, Metrics, TurnClock
from ui.trials import Trials


class Turns:
    """One turn at a time for each key; others with the same key wait for it."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], tuple[asyncio.Lock, list[None]]] = {}

    def under_way(self, key: tuple[str, str]) -> bool:
        """True while somebody holds the key."""
        return key in self._locks

    @asynccontextmanager
    async def hold(self, key: tuple[str, str]) -> AsyncIterator[None]:
        """Wait for the key and hold it."""
        lock, users = self._locks.setdefault(key, (asyncio.Lock(), []))
        users.append(None)
        try:
            async with lock:
                yield
        finally:
            users.pop()
            if not users:
                self._locks.pop(key, None)


@dataclass(frozen=True, slots=True)
class ServedAssistant(Assistant):
    """An Assistant with this process's metrics, event streams and turns under way."""

    metrics: Metrics
    live: Live
    turns: Turns
    drafts: Drafts
    trials: Trials

    async def reply(
        self, conversation_id: str, text: str, client_message_id: str | None = None
    ) -> AsyncGenerator[Event]:
        """As Assistant.reply; a message repeated while its first turn runs waits for that turn's reply."""
        if client_message_id is None:
            async with aclosing(self._observed(conversation_id, text, None)) as events:
                async for event in events:
                    yield event
            return
        key = (conversation_id, client_message_id)
        told = False
        if self.turns.under_way(key):
            message, _ = await asyncio.to_thread(
                self.store.add_customer_message, conversation_id, text, client_message_id
            )
            yield Accepted(message.id, message.position)
            told = True
        async with (
            self.turns.hold(key),
            aclosing(self._observed(conversation_id, text, client_message_id)) as events,
        ):
            async for event in events:
                if not (told and isinstance(event, Accepted)):
                    yield event

    async def answer(
        self, messages: Sequence[ChatMessage], given: Sequence[Hit] | None = None
    ) -> AsyncGenerator[Delta | Completed]:
        """As Assistant.answer, measured."""
        clock = TurnClock(self.metrics)
        async with aclosing(Assistant.answer(self, messages, given)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    clock.text()
                else:
                    clock.completed(event.reply.action)
                yield event

    async def _observed(self, conversation_id: str, text: str, client_message_id: str | None) -> AsyncGenerator[Event]:
        typing, message_id = False, ""
        try:
            async with (
                self.trials.speaker(self, conversation_id) as speaker,
                aclosing(Assistant.reply(speaker, conversation_id, text, client_message_id)) as events,
            ):
                async for event in events:
                    if isinstance(event, WaitingForPerson) and event.state == "person":
                        self.drafts.start(self, message_id)
                    if isinstance(event, Completed) and event.message_id:
                        self.trials.shadow(self, message_id, event.message_id, event.reply)
                    if isinstance(event, Accepted):
                        typing, message_id = True, event.message_id
                        self.live.typing(conversation_id, "assistant", seconds=2 * self.settings.engine_seconds)
                    elif not isinstance(event, Delta):
                        typing = self._stop_typing(conversation_id, typing)
                        self.live.wake(conversation_id)
                    yield event
        finally:
            self._stop_typing(conversation_id, typing)

    def _stop_typing(self, conversation_id: str, typing: bool) -> bool:
        if typing:
            self.live.typing(conversation_id, "assistant", seconds=0)
        return False


def as_served(assistant: Assistant, metrics: Metrics, live: Live) -> ServedAssistant:
    """The same parts, with the engine counted."""
    parts = {field.name: getattr(assistant, field.name) for field in fields(assistant)}
    parts["engine"] = MeasuredEngine(assistant.engine, metrics)
    metrics.slots.set(assistant.settings.engine_slots)
    return ServedAssistant(**parts, metrics=metrics, live=live, turns=Turns(), drafts=Drafts(), trials=Trials())


def follower_of(served: ServedAssistant) -> Follower:
    """What keeps its engine, and that of a trial, at the adapters that SQL names."""

    def open_measured(settings: Settings) -> Engine:
        return MeasuredEngine(build_engine(settings), served.metrics)

    return Follower(served.settings, served.store, served.engine, served.trials, open_measured)
