"""What goes over the wire of /api/v1: request bodies in, events and messages out.

Knows shapes only; the contract is written down here and nowhere else.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

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
from ui.chat_wire import blocks_of, chips
from ui.markup import Node, safe_link, tree
from ui.sse import sse

MOST_MESSAGES = 200

Id = Annotated[str, Path(max_length=64)]
After = Annotated[str | None, Query(pattern=r"^[0-9A-Za-z-]{1,64}$", description="Only messages after this one.")]
Limit = Annotated[int, Query(ge=1, le=MOST_MESSAGES)]
Comment = Annotated[str | None, Field(max_length=2000)]
Attributes = Annotated[dict[str, str], Field(max_length=30)]
Markup = Annotated[
    bool, Query(description="Also give each text as a tree of allowed elements, to be built node by node.")
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewConversation(_Body):
    """Begin a conversation."""

    site_key: str | None = Field(
        default=None,
        max_length=200,
        description="Public key of a site; pages of other origins need one.",
    )
    visitor_token: str | None = Field(
        default=None,
        max_length=4096,
        description="A JWT in which the site's backend says who the visitor is, good once; without it: anonymous.",
    )
    attributes: Attributes | None = Field(default=None, description="What the page says about the visitor, unproven.")
    language: str | None = Field(default=None, max_length=16, description="The page's language, such as en or zh-CN.")


class NewMessage(_Body):
    """What the customer says."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    client_message_id: str | None = Field(
        None, min_length=1, max_length=200, description="Your own id: repeating it never stores or answers twice."
    )


class NewAttributes(_Body):
    """What the page says about the visitor; each value replaces the one before."""

    attributes: Attributes


class IsTyping(_Body):
    """The visitor is writing, or has stopped; repeat it every few seconds while it lasts."""

    typing: bool = True


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
    blocks: list[Any] | None = Field(None, description="With `markup`: the text as a tree.")
    sources: list[dict[str, Any]] | None = Field(None, description="With `markup`: the sources by passage.")


class MessagesOut(BaseModel):
    """Messages in order; ask again with `after` = the last id while `more` is true."""

    state: State
    messages: list[MessageOut]
    more: bool


def message_out(message: Message, markup: bool = False) -> MessageOut:
    """A message as callers see it."""
    fields = asdict(message)
    del fields["conversation_id"], fields["citations"]
    if markup:
        fields |= {"blocks": blocks_of(message), "sources": chips(message.citations)}
    return MessageOut(**fields, citations=[citation_out(citation) for citation in message.citations])


def citation_out(citation: Citation) -> dict[str, Any]:
    """A citation whose link is one a page may show."""
    return asdict(citation) | {"url": safe_link(citation.url or "")}


class EventsOut:
    """The events of one turn as server-sent events; with `markup` the growing text also as changed blocks."""

    def __init__(self, markup: bool = False) -> None:
        self._markup = markup
        self._text = ""
        self._blocks: list[Node] = []

    def of(self, event: Event) -> list[bytes]:
        """One or two server-sent events."""
        match event:
            case Accepted():
                return [sse("accepted", {"message_id": event.message_id, "position": event.position}, event.message_id)]
            case Delta():
                return [sse("delta", {"text": event.text} | (self._grown(event.text) if self._markup else {}))]
            case Completed():
                citations = [citation_out(citation) for citation in event.reply.citations]
                reply = {"message_id": event.message_id} | event.reply.to_dict() | {"citations": citations}
                if self._markup:
                    reply |= {"blocks": tree(event.reply.text), "sources": chips(event.reply.citations)}
                return [sse("citations", citations), sse("completed", reply, event.message_id)]
        return [sse("waiting_for_person", {"reason": event.reason, "state": event.state})]

    def _grown(self, piece: str) -> dict[str, Any]:
        """`blocks` replace those from number `from` on; the ones before are as they were."""
        self._text += piece
        blocks = tree(self._text)
        same = next((n for n, (a, b) in enumerate(zip(self._blocks, blocks, strict=False)) if a != b), None)
        start = min(len(self._blocks), len(blocks)) if same is None else same
        self._blocks = blocks
        return {"from": start, "blocks": blocks[start:]}
