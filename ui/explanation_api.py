"""GET /api/v1/staff/messages/{message_id}/explanation: why a stored reply says what it says, for staff.

Knows who may ask; the explaining is done in training/explain.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends

from training.explain import explain, looked_up_in
from ui.api import FAILURES, Served, within_rate
from ui.staff_access import current_staff
from ui.wire import Id

router = APIRouter(
    prefix="/api/v1/staff",
    tags=["staff"],
    dependencies=[Depends(within_rate), Depends(current_staff)],
    responses=FAILURES,
)


@router.get("/messages/{message_id}/explanation")
async def explanation(message_id: Id, served: Served) -> dict[str, Any]:
    """Question, decision, passages, versions, unsupported share, and the nearest training examples."""
    assistant = served.assistant
    retriever = assistant.retriever

    def find() -> dict[str, Any]:
        passage_of = looked_up_in(retriever.index)
        return explain(assistant.store, assistant.settings, passage_of, retriever.embedder, message_id).to_dict()

    return await asyncio.to_thread(find)
