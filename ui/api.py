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

from assistant import store_sites
from assistant.conversation import Conversation, Message
from assistant.errors import InvalidInput
from assistant.store_sites import Visitor
from ui.feed import feed
from ui.identity import bearer, new_token, own_conversation, own_message
from ui.limits import Gate, RateLimit, address_key
from ui.problems import ErrorBody
from ui.served import ServedAssistant
from ui.sites import Sites
from ui.sse import EventStream, open_stream
from ui.visitor_tokens import visitor_of
from ui.wire import (
    After,
    ConversationOut,
    EventsOut,
    HandOverRequest,
    Id,
    Limit,
    Markup,
    MessagesOut,
    NewConversation,
    NewMessage,
    Rating,
    RatingOut,
    Satisfaction,
    SatisfactionOut,
    StateOut,
    message_out,
)

STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}
}
FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 403, 404, 409, 413, 422, 429, 503)
}


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with; one per process."""

    assistant: ServedAssistant
    sites: Sites
    gate: Gate
    requests: RateLimit
    new_conversations: RateLimit
    messages: RateLimit
    address_messages: RateLimit
    site_conversations: RateLimit
    site_messages: RateLimit

    @classmethod
    def of(cls, assistant: ServedAssistant) -> Services:
        """With the limits of the settings."""
        settings = assistant.settings
        return cls(
            assistant=assistant,
            sites=Sites(assistant.store, settings.cors_origins),
            gate=Gate(settings.engine_slots + settings.engine_queue),
            requests=RateLimit("requests from your address", settings.requests_per_minute),
            new_conversations=RateLimit("new conversations from your address", settings.conversations_per_minute),
            messages=RateLimit("messages in this conversation", settings.messages_per_minute),
            address_messages=RateLimit("messages from your address", settings.address_messages_per_minute),
            site_conversations=RateLimit("new conversations on this site", settings.site_conversations_per_minute),
            site_messages=RateLimit("messages on this site", settings.site_messages_per_minute),
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


async def owned(request: Request, conversation_id: Id, token: Token, served: Served) -> Conversation:
    """The conversation of the path, which must be the caller's, and the caller's page one of its site."""
    conversation = await own_conversation(served.assistant.store, conversation_id, token)
    await served.sites.admit(request.headers, conversation.site)
    return conversation


async def owned_message(request: Request, message_id: Id, token: Token, served: Served) -> Message:
    """The message of the path, which must be in the caller's conversation, and the caller's page one of its site."""
    message = await own_message(served.assistant.store, message_id, token)
    conversation = await asyncio.to_thread(served.assistant.store.conversation, message.conversation_id)
    await served.sites.admit(request.headers, conversation.site)
    return message


Own = Annotated[Conversation, Depends(owned)]
OwnMessage = Annotated[Message, Depends(owned_message)]

router = APIRouter(prefix="/api/v1", tags=["conversations"], dependencies=[Depends(within_rate)], responses=FAILURES)


@router.post("/conversations", status_code=201)
async def begin(
    request: Request, served: Served, address: Address, body: NewConversation | None = None
) -> ConversationOut:
    """Begin a conversation. The token is shown only here; who has it may read and write the conversation."""
    asked = body or NewConversation()
    await served.sites.admit(request.headers, asked.site_key)
    served.new_conversations.take(address)
    if asked.site_key is not None:
        served.site_conversations.take(asked.site_key)
    token, hashed = new_token()
    conversation = await asyncio.to_thread(
        store_sites.begin_conversation,
        served.assistant.store,
        channel="api" if asked.site_key is None else "widget",
        token_hash=hashed,
        site_key=asked.site_key,
        visitor=await _visitor(served, asked),
        attributes=asked.attributes,
        language=asked.language,
    )
    return ConversationOut(id=conversation.id, token=token)


async def _visitor(served: Services, asked: NewConversation) -> Visitor | None:
    if asked.visitor_token is None:
        return None
    if asked.site_key is None:
        raise InvalidInput("a visitor_token is signed for a site: send its site_key too")
    return visitor_of(asked.visitor_token, await served.sites.get(asked.site_key))


@router.post("/conversations/{conversation_id}/messages", status_code=200, response_class=EventStream, responses=STREAM)
async def say(
    request: Request, conversation: Own, body: NewMessage, served: Served, address: Address, markup: Markup = False
) -> EventStream:
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
    if conversation.site is not None:
        served.site_messages.take(conversation.site)
    served.assistant.live.typing(conversation.id, "customer", seconds=0)
    out = EventsOut(markup)

    async def events() -> AsyncGenerator[bytes]:
        with served.gate.enter():
            async with aclosing(served.assistant.reply(conversation.id, body.text, body.client_message_id)) as turn:
                async for event in turn:
                    for line in out.of(event):
                        yield line

    return await open_stream(request, events())


@router.get("/conversations/{conversation_id}/messages")
async def messages(
    conversation: Own, served: Served, after: After = None, limit: Limit = 100, markup: Markup = False
) -> MessagesOut:
    """The conversation's messages in order."""
    found = await asyncio.to_thread(served.assistant.store.messages, conversation.id, after, limit + 1)
    return MessagesOut(
        state=conversation.state, messages=[message_out(m, markup) for m in found[:limit]], more=len(found) > limit
    )


@router.get("/conversations/{conversation_id}/events", status_code=200, response_class=EventStream, responses=STREAM)
async def events(
    request: Request,
    conversation: Own,
    served: Served,
    after: After = None,
    markup: Markup = False,
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9A-Za-z-]{1,64}$")] = None,
) -> EventStream:
    """What happens in the conversation, as it happens, whoever writes.

    Events: `state` at the start and at each change (`assistant`, `waiting`, `person` with a name, `closed`);
    `taken_over` and `closed` when that happens; `typing` when somebody else begins or stops writing; `message` for
    each new message after `after` or Last-Event-ID, from now on without them. Ends when the conversation closes.
    """
    assistant = served.assistant
    news = feed(assistant.store, assistant.live, conversation.id, last_event_id or after, markup)
    return await open_stream(request, news)


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
