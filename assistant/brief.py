"""A brief for the person who takes over: what the customer asked, what was tried, and what could be answered.

Made by rules from stored messages and traces, without a model; knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.conversation import HandOver, Message
from assistant.store_desk import StoredDraft
from assistant.understand import small_talk, wants_person

MOST_QUESTIONS = 8


@dataclass(frozen=True, slots=True)
class Tried:
    """A question and what the assistant did with it; `evidence` None where it was not looked for."""

    question: str
    action: str | None
    evidence: float | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Brief:
    """`reason` is a code of `hand_over_rules`, or the words in which somebody asked."""

    reason: str | None
    language: str | None
    tried: tuple[Tried, ...]
    dissatisfied: int  # thumbs down so far
    suggestion: StoredDraft | None


def make_brief(
    messages: Sequence[Message],
    traces: Mapping[str, Mapping[str, Any]],
    hand_over: HandOver | None,
    draft: StoredDraft | None,
    language: str | None,
) -> Brief:
    """`traces` by message id."""
    replies = {message.in_reply_to: message for message in messages if message.in_reply_to}
    asked = [message for message in messages if message.author == "customer" and is_question(message.text)]
    return Brief(
        reason=hand_over.reason if hand_over else None,
        language=language,
        tried=tuple(_tried(message, replies.get(message.id), traces) for message in asked[-MOST_QUESTIONS:]),
        dissatisfied=sum(message.rating == -1 for message in messages),
        suggestion=draft if draft is not None and draft.action in ("answer", "template") else None,
    )


def is_question(text: str) -> bool:
    """Anything but small talk and the wish for a person."""
    return not small_talk(text) and not wants_person(text)


def last_question(messages: Sequence[Message]) -> Message | None:
    """The customer's latest message that asks for something."""
    return next((m for m in reversed(messages) if m.author == "customer" and is_question(m.text)), None)


def _tried(asked: Message, reply: Message | None, traces: Mapping[str, Mapping[str, Any]]) -> Tried:
    if reply is None:
        return Tried(asked.text, None, None, ())
    trace = traces.get(reply.id, {})
    titles = [citation.title or citation.document_id for citation in reply.citations]
    return Tried(asked.text, reply.action, trace.get("evidence"), tuple(dict.fromkeys(titles)))
