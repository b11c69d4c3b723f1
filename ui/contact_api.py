"""The visitor's side of waiting: how long it may take, and a contact form for when nobody is there.

Knows tokens and shapes; no SQL, no model.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from assistant.store_tickets import add_ticket
from assistant.waiting import waiting
from ui.api import FAILURES, Own, Served, within_rate

router = APIRouter(prefix="/api/v1", tags=["conversations"], dependencies=[Depends(within_rate)], responses=FAILURES)


class Contact(BaseModel):
    """Whom to answer, where, and what about."""

    model_config = ConfigDict(extra="forbid")

    contact: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=200)] = Field(
        description="E-mail address or phone number."
    )
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] | None = None


@router.get("/conversations/{conversation_id}/waiting")
async def queue(conversation: Own, served: Served) -> dict[str, Any]:
    """Place in the queue, whether somebody is there, and whether to offer the contact form; `text` says it all."""
    assistant = served.assistant
    told = await asyncio.to_thread(waiting, assistant.store, conversation.id, conversation.language, assistant.settings)
    return asdict(told)


@router.post("/conversations/{conversation_id}/contact", status_code=201)
async def contact(conversation: Own, body: Contact, served: Served) -> dict[str, str]:
    """Leave a message for the staff; it becomes a ticket."""
    store = served.assistant.store
    ticket = await asyncio.to_thread(add_ticket, store, conversation.id, body.contact, body.text, body.name)
    return {"ticket": ticket.id}
