"""The nouns of a conversation: conversations, messages, citations, replies, traces, and turn events.

Pure data shared by the turn, the store and every surface; knows nothing of how they work.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from assistant.errors import InvalidInput
from assistant.storable import identifier, identifier_or_none
from retrieval.documents import Passage

Author = Literal["customer", "assistant", "person", "system"]
Action = Literal["template", "answer", "clarify", "small_talk", "hand_over"]
State = Literal["assistant", "waiting", "person", "closed"]
DocumentState = Literal["active", "removed"]


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
    site: str | None = None
    resolved: bool | None = None
    satisfaction: int | None = None  # 1..5
    satisfaction_comment: str | None = None
    source: str | None = None  # of an imported log, None for live chats
    external_id: str | None = None


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

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Citation:
        """The inverse of `dataclasses.asdict` through JSON (which turns tuples into lists)."""
        return cls(**{**data, "heading_path": tuple(data.get("heading_path", ()))})


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

    def to_dict(self) -> dict[str, Any]:
        """The contract's JSON form of a reply; the trace is for staff and stays out."""
        return {
            "reply": self.text,
            "action": self.action,
            "citations": [asdict(citation) for citation in self.citations],
            "evidence": self.evidence,
            "intent": asdict(self.intent) if self.intent else None,
            "language": self.language,
            "model": self.model,
            "adapter": self.adapter,
            "timings_ms": self.timings_ms,
        }


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


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation with all its messages, in order."""

    conversation: Conversation
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class HandOver:
    """A request for a person and what became of it; `closed_at` is None while it is open."""

    id: str
    conversation_id: str
    reason: str
    requested_at: datetime
    taken_at: datetime | None
    taken_by: str | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ImportedMessage:
    """A message of an imported log: `created_at` and `rating` (1 or -1) where the export has them.

    Private notes must not become one; importers drop them.
    """

    author: Author
    text: str
    name: str | None = None
    created_at: datetime | None = None  # a naive time stamp is taken as UTC
    rating: int | None = None
    external_id: str | None = None
    passages: tuple[Passage, ...] = ()  # the knowledge a reply was written from, where the log has it

    def __post_init__(self) -> None:
        """Raises InvalidInput for a rating other than 1, -1 or None."""
        if self.rating not in (1, -1, None):
            raise InvalidInput(f"rating {self.rating!r} of an imported message must be 1 or -1, or left out")


@dataclass(frozen=True, slots=True)
class ImportedConversation:
    """A conversation of an imported log. `(source, external_id)` names it: a re-import is recognised by it.

    Raises InvalidInput for names the store cannot hold and a satisfaction outside 1..5.
    """

    source: str
    external_id: str
    messages: tuple[ImportedMessage, ...]
    customer_id: str | None = None
    language: str | None = None
    resolved: bool | None = None
    satisfaction: int | None = None  # 1..5
    satisfaction_comment: str | None = None

    def __post_init__(self) -> None:
        """Validates once, where a record is made, so that one bad record does not fail a batch."""
        identifier("source", self.source)
        identifier("external_id", self.external_id)
        identifier_or_none("customer_id", self.customer_id)
        identifier_or_none("language", self.language)
        if self.satisfaction not in (None, 1, 2, 3, 4, 5):
            raise InvalidInput(f"satisfaction {self.satisfaction!r} of {self.external_id!r} must be 1 to 5")

    @property
    def content_hash(self) -> str:
        """sha256 over every field: an unchanged conversation is not written again."""
        payload = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True, default=str)
        return hashlib.sha256(payload.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """What an import did; `messages` counts the messages of added and updated conversations."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    messages: int = 0

    def __add__(self, other: ImportCounts) -> ImportCounts:
        """The counts of both together."""
        return ImportCounts(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.messages + other.messages,
        )


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What the store erased of a customer."""

    customer_id: str
    conversations: int
    messages: int


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
