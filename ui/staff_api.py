"""The /api/v1/staff routes: what the desk does with conversations, tickets and canned answers.

Every route asks ui/staff_access.py who is calling; the store refuses what somebody else holds. No SQL, no model.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from assistant import store_desk, store_tickets
from assistant.brief import last_question, make_brief
from assistant.conversation import Conversation
from assistant.errors import InvalidInput
from assistant.store import Store
from assistant.store_desk import View
from assistant.store_moods import moods_of
from assistant.store_sites import known_visitor
from ui.api import FAILURES, STREAM, Served, Services, within_rate
from ui.drafting import write_draft
from ui.sse import EventStream, open_stream, sse
from ui.staff_access import Agent, current_staff
from ui.staff_wire import (
    Closing,
    Json,
    NewCanned,
    StaffTyping,
    Text,
    brief_json,
    conversation_json,
    draft_json,
    item_json,
    message_json,
    note_json,
    ticket_json,
    trace_json,
    visitor_json,
)
from ui.wire import Id

MOST_READ = 500  # messages of a conversation that the brief is made from
RECENT = 100  # messages of a conversation shown when it is opened, and read again at every change
EARLIER = 400  # and brought when somebody looks further back
LOOK_SECONDS = 1.0

router = APIRouter(
    prefix="/api/v1/staff",
    tags=["staff"],
    dependencies=[Depends(within_rate), Depends(current_staff)],
    responses=FAILURES,
)

Search = Annotated[str, Query(max_length=200)]


@router.get("/me")
async def me(staff: Agent) -> Json:
    """Who is logged in."""
    return {"name": staff.name, "role": staff.role}


@router.get("/inbox")
async def inbox(staff: Agent, served: Served, view: View = "waiting", search: Search = "") -> Json:
    """Conversations of one tab, and how many are in the others."""
    return await asyncio.to_thread(_inbox, served.assistant.store, view, staff.name, search)


def _inbox(store: Store, view: View, name: str, search: str) -> Json:
    items = store_desk.inbox(store, view, name, search)
    moods = moods_of(store, [item.last.id for item in items if item.last])
    lines = [item_json(item, moods.get(item.last.id) if item.last else None) for item in items]
    return {"items": lines, "counts": asdict(store_desk.counts(store, name))}


@router.get("/events", status_code=200, response_class=EventStream, responses=STREAM)
async def events(request: Request, staff: Agent, served: Served) -> EventStream:
    """An event `changed` whenever the desk has something new to show, whichever process wrote it.

    Ends when the login ends.
    """
    store = served.assistant.store

    async def watch() -> AsyncGenerator[bytes]:
        seen = None
        while True:
            await current_staff(request, served)
            now = await asyncio.to_thread(store_desk.pulse, store)
            if now != seen:
                yield sse("changed", {})
                seen = now
            await asyncio.sleep(LOOK_SECONDS)

    return await open_stream(request, watch())


@router.get("/conversations/{conversation_id}")
async def conversation(conversation_id: Id, served: Served) -> Json:
    """Everything the desk shows of a conversation, with its RECENT last messages; `more` if there are earlier ones."""
    shown = await asyncio.to_thread(_conversation, served.assistant.store, conversation_id)
    typists = served.assistant.live.typists(conversation_id)
    return shown | {"customer_types": any(typing.author == "customer" for typing in typists)}


def _conversation(store: Store, conversation_id: str) -> Json:
    found = store.conversation(conversation_id)
    hand_over, draft = store.hand_over(conversation_id), store_desk.current_draft(store, conversation_id)
    messages = store.recent_messages(conversation_id, MOST_READ)
    traces = store_desk.traces(store, conversation_id)
    return conversation_json(found, hand_over) | {
        "messages": [message_json(message, traces.get(message.id)) for message in messages[-RECENT:]],
        "more": len(messages) > RECENT,
        "visitor": visitor_json(known_visitor(store, conversation_id)),
        "notes": [note_json(note) for note in store_desk.notes(store, conversation_id)],
        "brief": brief_json(make_brief(messages, traces, hand_over, draft, found.language)),
        "draft": draft_json(draft),
    }


@router.get("/messages/{message_id}/earlier")
async def earlier(message_id: Id, served: Served) -> Json:
    """The EARLIER messages before this one, in order; `more` if there are others before them."""
    return await asyncio.to_thread(_earlier, served.assistant.store, message_id)


def _earlier(store: Store, message_id: str) -> Json:
    *found, last = store.messages_until(message_id, EARLIER + 2)
    traces = store_desk.traces(store, last.conversation_id)
    shown = [message_json(message, traces.get(message.id)) for message in found[-EARLIER:]]
    return {"messages": shown, "more": len(found) > EARLIER}


@router.get("/messages/{message_id}/trace")
async def trace(message_id: Id, served: Served) -> Json:
    """What the assistant knew when it wrote this reply."""
    return await asyncio.to_thread(_trace, served, message_id)


def _trace(served: Services, message_id: str) -> Json:
    found = served.assistant.store.trace(message_id)
    ids = [hit["passage_id"] for hit in found["hits"]]
    passages = {id: passage for id in ids if (passage := served.assistant.retriever.passage(id)) is not None}
    return trace_json(found, passages)


# What an agent does


def _changed(served: Services, changed: Conversation) -> Json:
    served.assistant.live.wake(changed.id)
    return {"state": changed.state}


@router.post("/conversations/{conversation_id}/take_over")
async def take_over(conversation_id: Id, staff: Agent, served: Served) -> Json:
    """Answer this conversation from now on; 409 with the holder's name when somebody else does."""
    return _changed(served, await asyncio.to_thread(served.assistant.store.take_over, conversation_id, staff.name))


@router.post("/conversations/{conversation_id}/give_back")
async def give_back(conversation_id: Id, staff: Agent, served: Served) -> Json:
    """The assistant answers again."""
    store = served.assistant.store
    return _changed(served, await asyncio.to_thread(store_desk.give_back, store, conversation_id, staff.name))


@router.post("/conversations/{conversation_id}/close")
async def close(conversation_id: Id, staff: Agent, served: Served, body: Closing | None = None) -> Json:
    """End the conversation."""
    resolved = body.resolved if body else True
    store = served.assistant.store
    return _changed(served, await asyncio.to_thread(store_desk.close, store, conversation_id, staff.name, resolved))


@router.post("/conversations/{conversation_id}/messages", status_code=201)
async def say(conversation_id: Id, body: Text, staff: Agent, served: Served) -> Json:
    """Write to the customer; 409 unless the caller holds the conversation."""
    store, live = served.assistant.store, served.assistant.live
    message = await asyncio.to_thread(store_desk.say, store, conversation_id, staff.name, body.text)
    live.typing(conversation_id, "person", seconds=0)
    live.wake(conversation_id)
    return message_json(message)


@router.post("/conversations/{conversation_id}/typing", status_code=202)
async def typing(conversation_id: Id, body: StaffTyping, staff: Agent, served: Served) -> Json:
    """Show the customer that somebody writes; only for who holds the conversation."""
    held = await asyncio.to_thread(served.assistant.store.hand_over, conversation_id)
    if held is not None and held.taken_by == staff.name:
        live = served.assistant.live
        if body.typing:
            live.typing(conversation_id, "person", staff.name)
        else:
            live.typing(conversation_id, "person", seconds=0)
    return {}


@router.post("/conversations/{conversation_id}/notes", status_code=201)
async def add_note(conversation_id: Id, body: Text, staff: Agent, served: Served) -> Json:
    """Tell the other members of staff something."""
    store = served.assistant.store
    return note_json(await asyncio.to_thread(store_desk.add_note, store, conversation_id, staff.name, body.text))


@router.post("/conversations/{conversation_id}/draft")
async def draft(conversation_id: Id, served: Served) -> Json:
    """Let the assistant draft an answer to the customer's latest question now."""
    store = served.assistant.store
    messages = await asyncio.to_thread(store.recent_messages, conversation_id, MOST_READ)
    question = last_question(messages)
    if question is None:
        raise InvalidInput("the customer has not asked anything yet")
    with served.gate.enter():
        await write_draft(served.assistant, question)
    return {"draft": draft_json(await asyncio.to_thread(store_desk.current_draft, store, conversation_id))}


# Canned answers and tickets


@router.get("/canned")
async def canned(served: Served) -> list[dict[str, Any]]:
    """Texts to be used again."""
    return [asdict(answer) for answer in await asyncio.to_thread(store_desk.canned_answers, served.assistant.store)]


@router.post("/canned", status_code=201)
async def add_canned(body: NewCanned, staff: Agent, served: Served) -> dict[str, Any]:
    """One more."""
    store = served.assistant.store
    return asdict(await asyncio.to_thread(store_desk.add_canned_answer, store, body.title, body.text, staff.name))


@router.post("/canned/{canned_id}/remove")
async def remove_canned(canned_id: Id, served: Served) -> Json:
    """One less."""
    await asyncio.to_thread(store_desk.remove_canned_answer, served.assistant.store, canned_id)
    return {}


@router.get("/tickets")
async def tickets(served: Served, closed: bool = False) -> list[Json]:
    """What customers left behind while nobody was there."""
    found = await asyncio.to_thread(store_tickets.tickets, served.assistant.store, closed)
    return [ticket_json(ticket) for ticket in found]


@router.post("/tickets/{ticket_id}/close")
async def close_ticket(ticket_id: Id, staff: Agent, served: Served) -> Json:
    """Dealt with."""
    store = served.assistant.store
    return ticket_json(await asyncio.to_thread(store_tickets.close_ticket, store, ticket_id, staff.name))
