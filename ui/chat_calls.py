"""What the chat page asks of the server: open, begin, send, rate, ask for a person, show a source.

Checks every call against the conversation's secret token and the limits of the API; knows nothing of Gradio's page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from assistant.conversation import Accepted, Completed, Conversation, Delta, Event, Message
from assistant.errors import NotFound, TooLarge
from ui.api import Services
from ui.chat_wire import (
    After,
    Json,
    Known,
    OfMessage,
    Opening,
    Rated,
    Said,
    Snapshot,
    problem_json,
    read,
    shown,
    shown_all,
    source_json,
    sources_of,
)
from ui.identity import new_token, own_conversation, own_message
from ui.markup import tree
from ui.suggestions import Examples
from ui.words import WORDS

HISTORY = 200  # messages shown when a conversation is opened again
PULSE_SECONDS = 0.5  # how often a waiting page is told that the server lives, and a vanished page is noticed
WAITING_EVENTS = 512


@dataclass(frozen=True, slots=True)
class ChatCalls:
    """The calls of all pages; holds nothing of any of them."""

    services: Services
    examples: Examples

    async def open(self, asked: Json, address: str) -> Json:
        """The remembered conversation, or null and examples of what one may ask."""
        opening = read(Opening, asked)
        self.services.requests.take(address)
        if conversation := await self._remembered(opening):
            store = self.services.assistant.store
            messages = await asyncio.to_thread(store.recent_messages, conversation.id, HISTORY)
            if messages:
                return {"messages": shown_all(messages), "state": conversation.state, "questions": []}
        language = opening.language if opening.language in WORDS else "en"
        questions = await asyncio.to_thread(self.examples.questions, language)
        state = conversation.state if conversation else "assistant"
        return {"messages": [] if conversation else None, "state": state, "questions": list(questions)}

    async def begin(self, asked: Json, address: str) -> Json:
        """A new conversation and its secret token, which is told only here."""
        opening = read(Opening, asked)
        self.services.requests.take(address)
        self.services.new_conversations.take(address)
        token, token_hash = new_token()
        conversation = await asyncio.to_thread(
            self.services.assistant.store.create_conversation,
            channel="web",
            token_hash=token_hash,
            language=opening.language if opening.language in WORDS else None,
        )
        return {"conversation": conversation.id, "token": token}

    async def send(self, asked: Json, address: str) -> AsyncGenerator[Snapshot]:
        """One turn as snapshots: at every piece of text and every pulse. Closing it frees the engine."""
        snapshot = Snapshot(turn=str(asked.get("client_message_id", ""))[:200])
        try:
            said = read(Said, asked)
            conversation = await self._admit(said, address)
            with self.services.gate.enter():
                turn = self.services.assistant.reply(conversation.id, said.text, said.client_message_id)
                async with aclosing(self._snapshots(snapshot, turn)) as snapshots:
                    async for snapshot in snapshots:
                        yield snapshot
            state = await asyncio.to_thread(self.services.assistant.store.conversation, conversation.id)
            yield replace(snapshot, state=state.state, done=True)
        except Exception as error:
            yield replace(snapshot, problem=problem_json(error))

    async def news(self, asked: Json, address: str) -> Json:
        """Messages after one, and who answers now."""
        asked_for = read(After, asked)
        conversation = await self._own(asked_for, address)
        store = self.services.assistant.store
        messages = await asyncio.to_thread(store.messages, conversation.id, asked_for.after, HISTORY)
        return {"messages": shown_all(messages), "state": conversation.state}

    async def rate(self, asked: Json, address: str) -> Json:
        """Store a rating of an answer in the caller's conversation."""
        rated = read(Rated, asked)
        message = await self._own_message(rated, rated.message, address)
        await asyncio.to_thread(self.services.assistant.store.rate, message.id, rated.value, rated.comment)
        return {"value": rated.value}

    async def ask_person(self, asked: Json, address: str) -> Json:
        """Ask for a person; asking again changes nothing."""
        conversation = await self._own(read(Known, asked), address)
        assistant = self.services.assistant
        changed = await asyncio.to_thread(assistant.store.request_person, conversation.id, "asked_for_person")
        assistant.live.wake(conversation.id)
        return {"state": changed.state}

    async def source(self, asked: Json, address: str) -> Json:
        """The whole passage behind a citation of an answer in the caller's conversation, and nothing else."""
        wanted = read(OfMessage, asked)
        message = await self._own_message(wanted, wanted.message, address)
        sources = sources_of(message)
        if wanted.number > len(sources):
            raise NotFound(f"the answer has {len(sources)} sources, not {wanted.number}")
        citations = sources[wanted.number - 1]
        passage = await asyncio.to_thread(self.services.assistant.retriever.passage, citations[0].passage_id)
        return source_json(citations, passage)

    async def _remembered(self, opening: Opening) -> Conversation | None:
        if opening.conversation is None or opening.token is None:
            return None
        try:
            return await own_conversation(self.services.assistant.store, opening.conversation, opening.token)
        except NotFound:
            return None

    async def _own(self, known: Known, address: str) -> Conversation:
        self.services.requests.take(address)
        return await own_conversation(self.services.assistant.store, known.conversation, known.token)

    async def _own_message(self, known: Known, message_id: str, address: str) -> Message:
        conversation = await self._own(known, address)
        message = await own_message(self.services.assistant.store, message_id, known.token)
        if message.conversation_id != conversation.id:
            raise NotFound("no such message, or it is not yours")
        return message

    async def _admit(self, said: Said, address: str) -> Conversation:
        """Identity first, then length and rates, as for the API."""
        conversation = await self._own(said, address)
        most = self.services.assistant.settings.max_message_chars
        if len(said.text) > most:
            raise TooLarge(f"text has {len(said.text)} characters; at most {most} are allowed")
        self.services.messages.take(conversation.id)
        self.services.address_messages.take(address)
        return conversation

    async def _snapshots(self, snapshot: Snapshot, turn: AsyncGenerator[Event]) -> AsyncGenerator[Snapshot]:
        text = ""
        async with aclosing(paced(turn, PULSE_SECONDS)) as batches:
            async for batch in batches:
                text += "".join(event.text for event in batch if isinstance(event, Delta))
                snapshot = replace(snapshot, pulse=snapshot.pulse + 1, blocks=tree(text))
                for event in batch:
                    if isinstance(event, Accepted):
                        snapshot = replace(snapshot, message_id=event.message_id)
                    elif isinstance(event, Completed):
                        snapshot = replace(snapshot, message=await self._completed(event))
                yield snapshot

    async def _completed(self, event: Completed) -> Json:
        assert event.message_id is not None  # reply() stores before it says so
        return shown(await asyncio.to_thread(self.services.assistant.store.message, event.message_id))


async def paced(events: AsyncGenerator[Event], seconds: float) -> AsyncGenerator[list[Event]]:
    """All events that have come by now, or an empty list after `seconds` without any. Closing it closes `events`."""
    queue: asyncio.Queue[Event | Exception | None] = asyncio.Queue(WAITING_EVENTS)
    pump = asyncio.create_task(_pump(events, queue))
    try:
        end = False
        while not end:
            items: list[Event | Exception | None] = []
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    items.append(await queue.get())
            items += [queue.get_nowait() for _ in range(queue.qsize())]
            end = bool(items) and not isinstance(items[-1], Event)
            if not end or len(items) > 1:
                yield [item for item in items if isinstance(item, Event)]
            if items and isinstance(items[-1], Exception):
                raise items[-1]
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


async def _pump(events: AsyncGenerator[Event], queue: asyncio.Queue[Event | Exception | None]) -> None:
    """Move all events into the queue, then the error that ended them, or None."""
    try:
        async with aclosing(events):
            async for event in events:
                await queue.put(event)
    except Exception as error:
        await queue.put(error)
    else:
        await queue.put(None)
