"""The /api/v1/staff routes behind review, training and insights. No SQL, no model.

Approving, correcting and adding knowledge is for all staff; which adapter serves is for admins.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse, Response

from assistant.articles import add_article
from assistant.conversation import Message
from assistant.errors import InvalidInput, NotFound
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_approvals import approve_reply, restore_all
from assistant.store_insights import Gap, gaps
from assistant.store_review import mark_reviewed, review_queue
from assistant.store_runs import run, runs
from assistant.store_staff import Staff
from assistant.store_templates import Wording, add_template, approve_template, retire_template, templates
from assistant.tables import uuid7
from training.registry import Registry
from training.run_story import run_story
from ui.api import FAILURES, Served, Services, within_rate
from ui.staff_access import Admin, Agent, current_admin, current_staff
from ui.staff_wire import (
    Article,
    Json,
    Review,
    adapter_json,
    change_json,
    review_json,
    run_json,
    story_json,
    template_json,
)
from ui.wire import Id

NOTE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"

router = APIRouter(
    prefix="/api/v1/staff",
    tags=["staff"],
    dependencies=[Depends(within_rate), Depends(current_staff)],
    responses=FAILURES,
)


@router.get("/review")
async def queue(served: Served) -> list[Json]:
    """Answers worth a second look, the latest first."""
    assistant = served.assistant
    found = await asyncio.to_thread(review_queue, assistant.store, assistant.settings.answer_evidence)
    return [review_json(item) for item in found]


@router.post("/review/{message_id}")
async def review(message_id: Id, body: Review, staff: Agent, served: Served) -> Json:
    """Approve an answer, correct it, turn it into knowledge, or dismiss it."""
    await asyncio.to_thread(_review, served, message_id, body, staff)
    return {"verdict": body.verdict}


def _review(served: Services, message_id: str, body: Review, staff: Staff) -> None:
    assistant = served.assistant
    message = assistant.store.message(message_id)
    match body.verdict:
        case "approved":
            approve_reply(assistant.store, message.id, staff.name)
        case "corrected":
            approve_reply(assistant.store, message.id, staff.name, _needed(body.text, "text"))
        case "knowledge":
            question, answer = _needed(body.question, "question"), _needed(body.text, "text")
            language = assistant.store.trace(message.id).get("language")
            add_article(assistant.settings, assistant.retriever.embedder, message.id, question, answer, language)
        case "template":
            _add_template(assistant.store, message, body, staff)
    mark_reviewed(assistant.store, message.id, body.verdict, staff.name)


def _add_template(store: Store, message: Message, body: Review, staff: Staff) -> None:
    """An admin's template is served at once; an agent's waits for an admin."""
    wording = Wording(
        questions=[_needed(body.question, "question")],
        text=_needed(body.text, "text"),
        language=store.trace(message.id).get("language", "en"),
        intent=body.intent or None,
        source=f"desk, {staff.name}",
    )
    added = add_template(store, wording)
    if added is not None and staff.role == "admin":
        approve_template(store, added.id, staff.name)


def _needed(text: str | None, name: str) -> str:
    if text is None:
        raise InvalidInput(f"{name} is missing")
    return text


@router.get("/templates")
async def drafts(staff: Agent, served: Served) -> Json:
    """Templates that wait for an admin's approval."""
    found = await asyncio.to_thread(templates, served.assistant.store, "draft")
    return {"drafts": [template_json(draft) for draft in found[:100]], "may_change": staff.role == "admin"}


@router.post("/templates/{template_id}/approve")
async def approve(template_id: Id, staff: Admin, served: Served) -> Json:
    """Serve this wording from now on."""
    return template_json(await asyncio.to_thread(approve_template, served.assistant.store, template_id, staff.name))


@router.post("/templates/{template_id}/retire", dependencies=[Depends(current_admin)])
async def retire(template_id: Id, served: Served) -> Json:
    """Neither serve nor offer this wording."""
    return template_json(await asyncio.to_thread(retire_template, served.assistant.store, template_id))


# Training


@router.get("/training")
async def training(staff: Agent, served: Served) -> Json:
    """Runs, adapters, and what served when."""
    return await asyncio.to_thread(_training, served) | {"may_change": staff.role == "admin"}


def _training(served: Services) -> Json:
    settings = served.assistant.settings
    registry = Registry(settings)
    register = registry.list()
    return {
        "runs": [run_json(past, _note(settings, past.id).is_file()) for past in runs(served.assistant.store, 20)],
        "adapters": [adapter_json(entry, register) for entry in list(register.adapters.values())[::-1]],
        "serving": register.serving,
        "can_roll_back": bool(register.earlier),
        "changes": [change_json(change) for change in registry.history(20)],
    }


def _note(settings: Settings, run_id: str) -> Path:
    return settings.home / "runs" / run_id / "note.html"


@router.get("/runs/{run_id}/note", response_class=HTMLResponse)
async def note(run_id: Id, served: Served) -> Response:
    """The release note of a run, as a page that can load and run nothing."""
    found = await asyncio.to_thread(run, served.assistant.store, run_id)
    file = _note(served.assistant.settings, found.id)
    if not file.is_file():
        raise NotFound(f"run {run_id!r} has no note")
    return HTMLResponse(
        await asyncio.to_thread(file.read_text, "utf-8"), headers={"Content-Security-Policy": NOTE_POLICY}
    )


@router.get("/runs/{run_id}/story")
async def story(run_id: Id, served: Served) -> Json:
    """The loss curve of a run, and the replies that improved and worsened most."""
    found = await asyncio.to_thread(run, served.assistant.store, run_id)
    return story_json(await asyncio.to_thread(run_story, served.assistant.settings, found))


@router.post("/runs/{run_id}/restore")
async def restore(run_id: Id, staff: Admin, served: Served) -> Json:
    """Take back a false alarm: all approvals that this run revoked stand again."""
    store = served.assistant.store
    found = await asyncio.to_thread(run, store, run_id)
    return {"restored": await asyncio.to_thread(restore_all, store, f"run {found.id}", staff.name)}


@router.post("/adapters/{adapter_id}/promote")
async def promote(adapter_id: Id, staff: Admin, served: Served) -> Json:
    """Serve with this adapter."""
    registry = Registry(served.assistant.settings)
    register = await asyncio.to_thread(registry.promote, adapter_id, f"by {staff.name}, at the desk")
    return {"serving": register.serving}


@router.post("/rollback")
async def rollback(staff: Admin, served: Served) -> Json:
    """Serve again with what served before."""
    registry = Registry(served.assistant.settings)
    return {"serving": await asyncio.to_thread(registry.rollback, None, f"by {staff.name}, at the desk")}


# Insights


@router.get("/gaps")
async def knowledge_gaps(served: Served) -> list[Json]:
    """Questions without an answer, alike ones together, the most frequent first."""
    assistant = served.assistant
    found = await asyncio.to_thread(gaps, assistant.store, assistant.retriever.embedder)
    return [_gap_json(gap) for gap in found[:50]]


@router.post("/articles", status_code=201)
async def article(body: Article, served: Served) -> Json:
    """Add a question with its answer to the knowledge base."""
    assistant, name = served.assistant, uuid7()
    embedder = assistant.retriever.embedder
    await asyncio.to_thread(add_article, assistant.settings, embedder, name, body.question, body.text)
    return {"id": f"article-{name}"}


def _gap_json(gap: Gap) -> Json:
    wordings = list(dict.fromkeys(gap.questions))
    return asdict(gap) | {"title": gap.title, "count": len(gap.questions), "questions": wordings[:8]}
