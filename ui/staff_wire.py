"""What goes over the wire of /api/v1/staff: request bodies in, the desk's JSON out.

Knows shapes only. Texts of customers, models and documents go out as plain text or as the trees of ui/markup.py,
so that the desk never makes HTML of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from assistant.adapter_register import Change, Entry, Register
from assistant.brief import Brief
from assistant.conversation import Citation, Conversation, HandOver, Message
from assistant.mood import Mood
from assistant.store_desk import InboxItem, Note, StoredDraft
from assistant.store_review import ReviewItem
from assistant.store_runs import Run
from assistant.store_sites import KnownVisitor
from assistant.store_templates import Template
from assistant.store_tickets import Ticket
from retrieval.documents import Passage
from training.release_note import Change as ReplyChange
from training.run_story import RunStory
from ui.markup import safe_link, tree

Json = dict[str, Any]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8000)]
EXCERPT = 160
URGENT = 0.5  # chance that a message cannot wait


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Text(_Body):
    """A message or note."""

    text: Words


class Closing(_Body):
    """How a conversation ends."""

    resolved: bool = True


class StaffTyping(_Body):
    """An agent is writing, or has stopped."""

    typing: bool = True


class NewCanned(_Body):
    """A text to be used again."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
    text: Words


class Review(_Body):
    """What a reviewer makes of an answer; `text` is the better answer, `question` what it answers."""

    verdict: Literal["approved", "corrected", "knowledge", "template", "dismissed"]
    text: Words | None = None
    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)] | None = None
    intent: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] | None = Field(
        None, description="For a template: the intent it answers."
    )


class Article(_Body):
    """A question with its answer."""

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    text: Words


def conversation_json(conversation: Conversation, hand_over: HandOver | None) -> Json:
    """A conversation's head."""
    return {
        "id": conversation.id,
        "state": conversation.state,
        "channel": conversation.channel,
        "site": conversation.site,
        "customer": conversation.customer_id,
        "language": conversation.language,
        "created_at": conversation.created_at.isoformat(),
        "updated_at": conversation.updated_at.isoformat(),
        "satisfaction": conversation.satisfaction,
        "satisfaction_comment": conversation.satisfaction_comment,
        "reason": hand_over.reason if hand_over else None,
        "requested_at": hand_over.requested_at.isoformat() if hand_over else None,
        "taken_by": hand_over.taken_by if hand_over else None,
    }


def item_json(item: InboxItem, mood: Mood | None) -> Json:
    """A line of the inbox, with the mood of the customer's latest message."""
    last = item.last
    return conversation_json(item.conversation, item.hand_over) | {
        "last": last.text[:EXCERPT] if last else "",
        "last_at": last.created_at.isoformat() if last else None,
        "mood": mood.sentiment if mood else None,
        "urgent": mood is not None and mood.urgency >= URGENT,
    }


def message_json(message: Message, trace: Mapping[str, Any] | None = None) -> Json:
    """A message as the desk shows it; what customers write stays plain text."""
    return {
        "id": message.id,
        "author": message.author,
        "name": message.name,
        "text": message.text,
        "blocks": [] if message.author == "customer" else tree(message.text),
        "at": message.created_at.isoformat(),
        "action": message.action,
        "rating": message.rating,
        "sources": sources_json(message.citations),
        "evidence": trace.get("evidence") if trace else None,
    }


def sources_json(citations: Sequence[Citation]) -> list[Json]:
    """The documents an answer stands on, each once."""
    titles: dict[str, Json] = {}
    for citation in citations:
        headings = [step for step in citation.heading_path if step != citation.title]
        place = " › ".join([citation.title or citation.path or citation.document_id, *headings])
        titles.setdefault(citation.passage_id, {"title": place, "quote": citation.quote})
    return list(titles.values())


def visitor_json(visitor: KnownVisitor | None) -> Json | None:
    """Who the customer is: name and e-mail as the site's backend signed them, attributes as its page says."""
    return asdict(visitor) if visitor else None


def note_json(note: Note) -> Json:
    """A note."""
    return asdict(note) | {"created_at": note.created_at.isoformat()}


def draft_json(draft: StoredDraft | None) -> Json | None:
    """What the assistant suggests."""
    if draft is None:
        return None
    return {
        "message_id": draft.message_id,
        "text": draft.text,
        "action": draft.action,
        "evidence": draft.evidence,
        "sources": sources_json(draft.citations),
    }


def brief_json(brief: Brief) -> Json:
    """The brief for who takes over."""
    return {
        "reason": brief.reason,
        "language": brief.language,
        "dissatisfied": brief.dissatisfied,
        "tried": [asdict(tried) for tried in brief.tried],
        "suggestion": draft_json(brief.suggestion),
    }


def trace_json(trace: Mapping[str, Any], passages: Mapping[str, Passage]) -> Json:
    """What the assistant knew when it answered; `passages` as they stand now, by id."""
    return {
        **{key: trace.get(key) for key in ("action", "reason", "question", "evidence", "intent", "language")},
        **{key: trace.get(key) for key in ("model", "adapter", "index_version", "timings_ms", "written_by")},
        "hits": [hit | _passage_json(passages.get(hit["passage_id"])) for hit in trace.get("hits", ())],
    }


def _passage_json(passage: Passage | None) -> Json:
    if passage is None:
        return {"title": None, "text": None, "place": None, "url": None}
    return {
        "title": passage.question or passage.title,
        "text": passage.text,
        "place": " › ".join(step for step in (passage.path, *passage.heading_path) if step),
        "url": safe_link(passage.url) if passage.url else None,
    }


def ticket_json(ticket: Ticket) -> Json:
    """A ticket."""
    closed = ticket.closed_at.isoformat() if ticket.closed_at else None
    return asdict(ticket) | {"created_at": ticket.created_at.isoformat(), "closed_at": closed}


def review_json(item: ReviewItem) -> Json:
    """An answer to review."""
    return {
        "message_id": item.reply.id,
        "conversation_id": item.reply.conversation_id,
        "question": item.question,
        "text": item.reply.text,
        "blocks": tree(item.reply.text),
        "at": item.reply.created_at.isoformat(),
        "action": item.reply.action,
        "evidence": item.evidence,
        "language": item.language,
        "why": list(item.why),
        "comment": item.comment,
        "adapter": item.adapter,
        "sources": sources_json(item.reply.citations),
    }


def run_json(run: Run, has_note: bool) -> Json:
    """A learning cycle with its steps and the gate's checks; logs stay on the server."""
    gate = next((step.result for step in run.steps if step.name == "gate"), {})
    return {
        "id": run.id,
        "state": run.state,
        "trigger": run.trigger,
        "decision": run.decision,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "candidate": run.result.get("candidate"),
        "reasons": run.result.get("reasons", []),
        "checks": [
            {key: check[key] for key in ("name", "against", "outcome", "words")} for check in gate.get("checks", ())
        ],
        "note": has_note,
        "steps": [{"name": step.name, "state": step.state, "seconds": step.seconds} for step in run.steps],
    }


def story_json(story: RunStory) -> Json:
    """The curve and the replies that changed most."""
    return {
        "points": [
            {"step": point.step, "train": point.train_loss, "validation": point.validation_loss}
            for point in story.points
        ],
        "improved": [_reply_change_json(change) for change in story.improved],
        "worsened": [_reply_change_json(change) for change in story.worsened],
    }


def _reply_change_json(change: ReplyChange) -> Json:
    return {
        "question": change.after.question,
        "before": change.before.reply,
        "after": change.after.reply,
        "gain": round(change.gain, 3),
    }


def adapter_json(entry: Entry, register: Register) -> Json:
    """An adapter and what it does now."""
    trial = register.trial
    return {
        "id": entry.id,
        "made": entry.registered_at,
        "validation_loss": entry.validation_loss,
        "serves": entry.id == register.serving,
        "trial": trial.mode if trial is not None and trial.adapter_id == entry.id else None,
        "blocked": entry.blocked,
    }


def change_json(change: Change) -> Json:
    """A move of the serving pointer."""
    return asdict(change) | {"at": change.at.isoformat()}


def template_json(template: Template) -> Json:
    """An answer template."""
    shown = ("id", "state", "intent", "language", "questions", "text", "support", "source")
    return {key: value for key, value in asdict(template).items() if key in shown}
