"""The nouns of a conversation: conversations, messages, citations, replies, traces, and turn events.

Pure data shared by the turn, the store and every surface; knows nothing of how they work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Author = Literal["customer", "assistant", "person", "system"]
Action = Literal["template", "answer", "clarify", "small_talk", "hand_over"]
State = Literal["assistant", "waiting", "person", "closed"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """`state`: who answers now. `waiting`: a person was asked for; `person`: one has taken over."""

    id: str
    state: State
    channel: str  # "web", "widget", "api", "cli", or the name of an imported source
    customer_id: str | None
    language: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a statement comes from: the exact words `quote` in a passage."""

    document_id: str
    passage_id: str
    quote: str
    title: str = ""
    path: str = ""
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    row: int | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """What the customer wants, by name, with the classifier's confidence 0..1."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of a turn, as `ask --json` and the `completed` event show it."""

    text: str
    action: Action
    citations: tuple[Citation, ...]
    evidence: float
    intent: Intent | None
    language: str
    model: str | None
    adapter: str | None
    timings_ms: dict[str, float]
    trace: dict[str, Any] = field(default_factory=dict)  # decision, stand-alone question, hits, scores


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message. `position` counts from 1 without gaps within its conversation."""

    id: str
    conversation_id: str
    position: int
    author: Author
    text: str
    created_at: datetime
    client_message_id: str | None = None
    in_reply_to: str | None = None
    name: str | None = None  # who wrote it, for messages of persons
    action: Action | None = None
    citations: tuple[Citation, ...] = ()
    rating: int | None = None


# What a turn yields, in this order: Accepted, Delta*, Completed, WaitingForPerson?
# or Accepted, WaitingForPerson when a person holds the conversation.


@dataclass(frozen=True, slots=True)
class Accepted:
    """The customer's message is durably stored under this id."""

    message_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the reply's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The reply is final and stored; its text replaces whatever was streamed.

    `message_id` is None for turns that are not stored.
    """

    message_id: str | None
    reply: Reply


@dataclass(frozen=True, slots=True)
class WaitingForPerson:
    """A person was asked for or holds the conversation; the assistant says no more for now."""

    reason: str
    state: State


Event = Accepted | Delta | Completed | WaitingForPerson
