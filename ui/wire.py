"""What goes over the wire of /api/v1: request bodies in, events and messages out.

Knows shapes only; the contract is written down here and nowhere else.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from assistant.conversation import (
    Accepted,
    Action,
    Author,
    Citation,
    Completed,
    Delta,
    Event,
    Message,
    State,
)
from ui.sse import sse

LINK_SCHEMES = ("http", "https", "mailto")
MOST_MESSAGES = 200

Id = Annotated[str, Path(max_length=64)]
After = Annotated[str | None, Query(pattern=r"^[0-9A-Za-z-]{1,64}$", description="Only messages after this one.")]
Limit = Annotated[int, Query(ge=1, le=MOST_MESSAGES)]
Comment = Annotated[str | None, Field(max_length=2000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewConversation(_Body):
    """Begin a conversation."""

    site_key: str | None = Field(
        None, max_length=200, description="Public key of a site. No sites are configured yet, so it changes nothing."
    )
    visitor_token: str | None = Field(
        None,
        max_length=4096,
        description="Signed proof of who the visitor is. No site can sign one yet, so the visitor stays anonymous.",
    )


class NewMessage(_Body):
    """What the customer says."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    client_message_id: str | None = Field(
        None, min_length=1, max_length=200, description="Your own id: repeating it never stores or answers twice."
    )


class HandOverRequest(_Body):
    """Ask for a person."""

    reason: str | None = Field(None, max_length=500)


class Rating(_Body):
    """How good an answer was; a later rating replaces it."""

    value: Literal[1, -1]
    comment: Comment = None


class Satisfaction(_Body):
    """How the customer liked the conversation, 1 to 5; a later score replaces it."""

    score: int = Field(ge=1, le=5)
    comment: Comment = None


class ConversationOut(BaseModel):
    """A new conversation; send `token` as `Authorization: Bearer` from now on. It is shown only here."""

    id: str
    token: str


class StateOut(BaseModel):
    """Who answers now."""

    state: State


class RatingOut(BaseModel):
    """The rating as it is stored now."""

    message_id: str
    value: int


class SatisfactionOut(BaseModel):
    """The score as it is stored now."""

    score: int


class MessageOut(BaseModel):
    """A stored message."""

    id: str
    position: int
    author: Author
    text: str
    created_at: datetime
    client_message_id: str | None
    in_reply_to: str | None
    name: str | None
    action: Action | None
    citations: list[dict[str, Any]]
    rating: int | None


class MessagesOut(BaseModel):
    """Messages in order; ask again with `after` = the last id while `more` is true."""

    state: State
    messages: list[MessageOut]
    more: bool


def message_out(message: Message) -> MessageOut:
    """A message as callers see it."""
    fields = asdict(message)
    del fields["conversation_id"], fields["citations"]
    return MessageOut(**fields, citations=[citation_out(citation) for citation in message.citations])


def citation_out(citation: Citation) -> dict[str, Any]:
    """A citation whose link is one a page may show."""
    return asdict(citation) | {"url": safe_link(citation.url)}


def safe_link(url: str | None) -> str | None:
    """`url` if it is http, https or mailto; None for anything else, `javascript:` above all."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    named = parts.netloc if parts.scheme in ("http", "https") else parts.path
    return url if parts.scheme in LINK_SCHEMES and named else None


def event_out(event: Event) -> list[bytes]:
    """A turn's event as one or two server-sent events."""
    match event:
        case Accepted():
            return [sse("accepted", {"message_id": event.message_id, "position": event.position}, event.message_id)]
        case Delta():
            return [sse("delta", {"text": event.text})]
        case Completed():
            citations = [citation_out(citation) for citation in event.reply.citations]
            reply = {"message_id": event.message_id} | event.reply.to_dict() | {"citations": citations}
            return [sse("citations", citations), sse("completed", reply, event.message_id)]
    return [sse("waiting_for_person", {"reason": event.reason, "state": event.state})]
