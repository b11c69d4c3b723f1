"""The /api/v1 routes: conversations, messages as they are written, ratings, hand-over. No SQL, no model.

Every route but the first asks `identity` whether the token's conversation is the one it touches.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.security import HTTPBearer

from assistant.conversation import Conversation, Message
from assistant.errors import InvalidInput
from assistant.store import Store
from ui.identity import bearer, new_token, own_conversation, own_message
from ui.limits import Gate, RateLimit, address_key
from ui.problems import ErrorBody
from ui.served import ServedAssistant
from ui.sse import EventStream, open_stream, sse
from ui.wire import (
    MOST_MESSAGES,
    After,
    ConversationOut,
    HandOverRequest,
    Id,
    Limit,
    MessagesOut,
    NewConversation,
    NewMessage,
    Rating,
    RatingOut,
    Satisfaction,
    SatisfactionOut,
    StateOut,
    event_out,
    message_out,
)

LOOK_SECONDS = 15.0  # an event stream also looks by itself: another process may have written
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}
}
FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 404, 409, 413, 422, 429, 503)
}


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with; one per process."""

    assistant: ServedAssistant
    gate: Gate
    requests: RateLimit
    new_conversations: RateLimit
    messages: RateLimit
    address_messages: RateLimit

    @classmethod
    def of(cls, assistant: ServedAssistant) -> Services:
        """With the limits of the settings."""
        settings = assistant.settings
        return cls(
            assistant=assistant,
            gate=Gate(settings.engine_slots + settings.engine_queue),
            requests=RateLimit("requests from your address", settings.requests_per_minute),
            new_conversations=RateLimit("new conversations from your address", settings.conversations_per_minute),
            messages=RateLimit("messages in this conversation", settings.messages_per_minute),
            address_messages=RateLimit("messages from your address", settings.address_messages_per_minute),
        )


def services(request: Request) -> Services:
    """The services of this application."""
    found: Services = request.app.state.services
    return found


def client_address(request: Request) -> str:
    """What rates per address are counted on."""
    return address_key(request.client.host if request.client else None)


Served = Annotated[Services, Depends(services)]
Address = Annotated[str, Depends(client_address)]


def within_rate(served: Served, address: Address) -> None:
    """Every call counts on its address."""
    served.requests.take(address)


# Shown on the API page; `bearer` does the work, so that a missing token is the one 401 of the contract.
_scheme = HTTPBearer(auto_error=False, description="The conversation's token.")


def caller(request: Request, _: Annotated[object, Depends(_scheme)]) -> str:
    """The token the caller shows."""
    return bearer(request.headers)


Token = Annotated[str, Depends(caller)]


async def owned(conversation_id: Id, token: Token, served: Served) -> Conversation:
    """The conversation of the path, which must be the caller's."""
    return await own_conversation(served.assistant.store, conversation_id, token)


async def owned_message(message_id: Id, token: Token, served: Served) -> Message:
    """The message of the path, which must be in the caller's conversation."""
    return await own_message(served.assistant.store, message_id, token)


Own = Annotated[Conversation, Depends(owned)]
OwnMessage = Annotated[Message, Depends(owned_message)]

router = APIRouter(prefix="/api/v1", tags=["conversations"], dependencies=[Depends(within_rate)], responses=FAILURES)


@router.post("/conversations", status_code=201)
async def begin(served: Served, address: Address, body: NewConversation | None = None) -> ConversationOut:
    """Begin a conversation. The token is shown only here; who has it may read and write the conversation."""
    served.new_conversations.take(address)
    token, hashed = new_token()
    conversation = await asyncio.to_thread(served.assistant.store.create_conversation, channel="api", token_hash=hashed)
    return ConversationOut(id=conversation.id, token=token)


@router.post("/conversations/{conversation_id}/messages", status_code=200, response_class=EventStream, responses=STREAM)
async def say(request: Request, conversation: Own, body: NewMessage, served: Served, address: Address) -> EventStream:
    """Say something and get the reply as it is written.

    Events, in order: `accepted` once the message is durably stored; `delta` pieces of text; `citations`;
    `completed`, whose `reply` replaces the pieces; `waiting_for_person` when a person was asked for or has
    taken over; `error` instead of the rest when something fails after the start. Comment lines are pings.
    """
    most = served.assistant.settings.max_message_chars
    if len(body.text) > most:
        raise InvalidInput(f"text has {len(body.text)} characters; at most {most} are allowed")
    served.messages.take(conversation.id)
    served.address_messages.take(address)

    async def events() -> AsyncGenerator[bytes]:
        with served.gate.enter():
            async with aclosing(served.assistant.reply(conversation.id, body.text, body.client_message_id)) as turn:
                async for event in turn:
                    for line in event_out(event):
                        yield line

    return await open_stream(request, events())


@router.get("/conversations/{conversation_id}/messages")
async def messages(conversation: Own, served: Served, after: After = None, limit: Limit = 100) -> MessagesOut:
    """The conversation's messages in order."""
    found = await asyncio.to_thread(served.assistant.store.messages, conversation.id, after, limit + 1)
    return MessagesOut(
        state=conversation.state, messages=[message_out(m) for m in found[:limit]], more=len(found) > limit
    )


@router.get("/conversations/{conversation_id}/events", status_code=200, response_class=EventStream, responses=STREAM)
async def events(
    request: Request,
    conversation: Own,
    served: Served,
    after: After = None,
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9A-Za-z-]{1,64}$")] = None,
) -> EventStream:
    """What happens in the conversation, as it happens, whoever writes.

    Events: `state` at the start and at each change (`assistant`, `waiting`, `person`, `closed`); `message` for
    each new message after `after` or Last-Event-ID, from now on without them. Ends when the conversation closes.
    """
    live, store = served.assistant.live, served.assistant.store

    async def watch() -> AsyncGenerator[bytes]:
        with live.listen(conversation.id) as woken:
            seen = last_event_id or after or await _latest(store, conversation.id)
            state = None
            while True:
                woken.clear()
                new = await asyncio.to_thread(store.messages, conversation.id, seen, MOST_MESSAGES)
                now = (await asyncio.to_thread(store.conversation, conversation.id)).state
                for message in new:
                    seen = message.id
                    yield sse("message", message_out(message).model_dump(mode="json"), message.id)
                if now != state:
                    yield sse("state", {"state": now})
                    state = now
                if len(new) == MOST_MESSAGES:
                    continue
                if now == "closed":
                    return
                await _wait(woken, LOOK_SECONDS)

    return await open_stream(request, watch())


async def _latest(store: Store, conversation_id: str) -> str | None:
    last = await asyncio.to_thread(store.recent_messages, conversation_id, 1)
    return last[-1].id if last else None


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


@router.post("/conversations/{conversation_id}/hand_over")
async def hand_over(conversation: Own, served: Served, body: HandOverRequest | None = None) -> StateOut:
    """Ask for a person; asking again changes nothing."""
    reason = (body.reason if body else None) or "asked_for_person"
    changed = await asyncio.to_thread(served.assistant.store.request_person, conversation.id, reason)
    served.assistant.live.wake(conversation.id)
    return StateOut(state=changed.state)


@router.post("/conversations/{conversation_id}/close")
async def close(conversation: Own, served: Served) -> StateOut:
    """End the conversation; it can still be read and rated."""
    changed = await asyncio.to_thread(served.assistant.store.close_conversation, conversation.id)
    served.assistant.live.wake(conversation.id)
    return StateOut(state=changed.state)


@router.post("/messages/{message_id}/rating")
async def rate(message: OwnMessage, body: Rating, served: Served) -> RatingOut:
    """Rate an answer, thumbs up or down."""
    await asyncio.to_thread(served.assistant.store.rate, message.id, body.value, body.comment)
    return RatingOut(message_id=message.id, value=body.value)


@router.post("/conversations/{conversation_id}/satisfaction")
async def satisfaction(conversation: Own, body: Satisfaction, served: Served) -> SatisfactionOut:
    """Say how the whole conversation was."""
    await asyncio.to_thread(served.assistant.store.set_satisfaction, conversation.id, body.score, body.comment)
    return SatisfactionOut(score=body.score)
