"""The /api/v1 routes that only the widget needs: what it shows when it opens, a source, attributes, typing.

Every route of a conversation asks `identity` as those of ui/api.py do; no SQL, no model.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from assistant import store_sites
from assistant.errors import NotFound
from retrieval.failures import RetrievalError
from ui.api import FAILURES, Own, OwnMessage, Served, within_rate
from ui.chat_wire import source_json, sources_of
from ui.live import TYPING_SECONDS
from ui.suggestions import Examples
from ui.wire import IsTyping, NewAttributes
from ui.words import WORDS

router = APIRouter(prefix="/api/v1", tags=["widget"], dependencies=[Depends(within_rate)], responses=FAILURES)


class OpeningOut(BaseModel):
    """What an empty widget shows."""

    questions: list[str]


def examples(request: Request) -> Examples:
    """The example questions of this application."""
    found: Examples = request.app.state.examples
    return found


@router.get("/widget")
async def opening(
    request: Request,
    served: Served,
    questions: Annotated[Examples, Depends(examples)],
    site_key: Annotated[str | None, Query(max_length=200)] = None,
    language: Annotated[str, Query(max_length=16)] = "en",
) -> OpeningOut:
    """Example questions in the visitor's language, for a site's page."""
    await served.sites.admit(request.headers, site_key)
    spoken = language[:2].lower()
    found: tuple[str, ...] = ()
    with suppress(RetrievalError):  # an empty knowledge base suggests nothing
        found = await asyncio.to_thread(questions.questions, spoken if spoken in WORDS else "en")
    return OpeningOut(questions=list(found))


@router.get("/messages/{message_id}/sources/{number}")
async def source(message: OwnMessage, number: Annotated[int, Path(ge=1, le=1000)], served: Served) -> dict[str, Any]:
    """The whole passage behind a source of an answer, counted from 1, and the words that were quoted."""
    found = sources_of(message)
    if number > len(found):
        raise NotFound(f"the answer has {len(found)} sources, not {number}")
    citations = found[number - 1]
    passage = await asyncio.to_thread(served.assistant.retriever.passage, citations[0].passage_id)
    return source_json(citations, passage)


@router.post("/conversations/{conversation_id}/attributes", status_code=204)
async def attributes(conversation: Own, body: NewAttributes, served: Served) -> Response:
    """What the page says about the visitor, for staff to see; it proves nothing."""
    await asyncio.to_thread(store_sites.set_attributes, served.assistant.store, conversation.id, body.attributes)
    return Response(status_code=204)


@router.post("/conversations/{conversation_id}/typing", status_code=204)
async def typing(conversation: Own, served: Served, body: IsTyping | None = None) -> Response:
    """The visitor is writing: staff see it for a few seconds."""
    on = body is None or body.typing
    served.assistant.live.typing(conversation.id, "customer", seconds=TYPING_SECONDS if on else 0)
    return Response(status_code=204)
