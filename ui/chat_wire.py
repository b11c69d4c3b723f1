"""What goes between the chat page and the server: what may be asked, and messages and sources as they are shown.

Knows shapes only; customers see their own words as plain text and everybody else's as a tree of allowed elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from assistant.conversation import Citation, Message, State
from assistant.errors import InvalidInput
from retrieval.documents import Passage
from ui.markup import Node, safe_link, tree
from ui.problems import problem_of

Json = dict[str, Any]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Opening(_Asked):
    """A page opens, perhaps with a conversation it remembers."""

    conversation: Key | None = None
    token: Key | None = None
    language: str = Field("en", max_length=8)


class Known(_Asked):
    """A conversation and the secret that proves it is the caller's."""

    conversation: Key
    token: Key


class Said(Known):
    """What the customer says."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    client_message_id: Key


class OfMessage(Known):
    """A source of an answer: one of its passages, counted from 1."""

    message: Key
    number: int = Field(ge=1, le=1000)


class Rated(Known):
    """Thumbs up or down, and perhaps why."""

    message: Key
    value: Literal[1, -1]
    comment: str | None = Field(None, max_length=2000)


class After(Known):
    """What is new after the message `after`."""

    after: Key | None = None


Body = TypeVar("Body", bound=_Asked)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A reply as far as it has come; each replaces the one before, so that none of them must arrive."""

    turn: str
    pulse: int = 0
    message_id: str | None = None
    blocks: Sequence[Node] = ()
    state: State = "assistant"
    done: bool = False
    message: Json | None = None
    problem: Json | None = None


def read(kind: type[Body], asked: Json) -> Body:
    """What was asked, checked; raises InvalidInput that names the fields, never their values."""
    try:
        return kind.model_validate(asked)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, e["loc"])) or "body" for e in error.errors()[:5])
        raise InvalidInput(f"not understood: {fields}") from error


def problem_json(error: Exception) -> Json:
    """A failure as the page explains it in its own words."""
    problem = problem_of(error)
    return {
        "code": problem.code,
        "message": problem.message,
        "retry_after": problem.retry_after,
        "incident": problem.incident,
    }


def shown_all(messages: Sequence[Message]) -> list[Json]:
    """What customers see of messages: not the system's notes."""
    return [shown(message) for message in messages if message.author != "system"]


def shown(message: Message) -> Json:
    """A message as the page shows it; what customers write stays plain text."""
    return {
        "id": message.id,
        "author": message.author,
        "name": message.name,
        "text": message.text,
        "blocks": blocks_of(message),
        "action": message.action,
        "sources": chips(message.citations),
        "rating": message.rating,
        "client_message_id": message.client_message_id,
    }


def blocks_of(message: Message) -> list[Node]:
    """The text as a tree of allowed elements; what customers write stays plain text and has none."""
    return [] if message.author == "customer" else tree(message.text)


def sources_of(message: Message) -> list[list[Citation]]:
    """The citations by passage, in the order in which the answer uses the passages."""
    return by_passage(message.citations)


def by_passage(citations: Sequence[Citation]) -> list[list[Citation]]:
    """Citations of the same passage together, in the order of their first one."""
    found: dict[str, list[Citation]] = {}
    for citation in citations:
        found.setdefault(citation.passage_id, []).append(citation)
    return list(found.values())


def chips(citations: Sequence[Citation]) -> list[Json]:
    """The sources of an answer, as they stand under it."""
    return [_chip(group[0]) for group in by_passage(citations)]


def _chip(citation: Citation) -> Json:
    headings = [step for step in citation.heading_path if step != citation.title]
    title = citation.title or citation.path or citation.document_id
    return {"title": title, "label": headings[-1] if headings else title, "place": " › ".join([title, *headings])}


def source_json(citations: Sequence[Citation], passage: Passage | None) -> Json:
    """A passage as it stands now, with the words cited; `changed` when they are no longer in it."""
    first, quotes = citations[0], [citation.quote for citation in citations]
    unchanged = passage is not None and all(_squeezed(quote) in _squeezed(passage.text) for quote in quotes)
    return {
        "headings": [step for step in first.heading_path if step != first.title],
        "file": first.path or first.document_id,
        "page": first.page,
        "row": first.row,
        "question": passage.question if passage is not None and unchanged else None,
        "blocks": tree(passage.text if passage is not None and unchanged else "\n\n".join(quotes)),
        "quotes": quotes,
        "url": safe_link(first.url) if first.url else None,
        "changed": not unchanged,
    }


def _squeezed(text: str) -> str:
    return "".join(text.split())
