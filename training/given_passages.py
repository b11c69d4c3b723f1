"""Passages that come with a case or a logged reply: `knowledge`, a list of `{"text", "title"?, "entity"?, …}`.

Knows that JSON shape; nothing of search or of what is done with the passages.
"""

from __future__ import annotations

from typing import Any

from assistant.errors import InvalidInput
from assistant.prompt import passage_text
from retrieval.documents import Passage


def given_passages(owner: str, knowledge: object) -> tuple[Passage, ...]:
    """The passages of `owner`, a case or a message, which names them; none for None. Raises InvalidInput."""
    if knowledge is None:
        return ()
    if not isinstance(knowledge, list):
        raise InvalidInput(f"knowledge is {str(knowledge)[:60]!r}; it must be a list of objects with a text")
    return tuple(_passage(owner, number, item) for number, item in enumerate(knowledge))


def passage_words(passage: Passage) -> set[str]:
    """The words of a passage as they stand: whatever knowledge says of people or places is public."""
    return {word.strip(".,;:!?()\"'") for word in f"{passage.entity or ''} {passage_text(passage)}".split()}


def _passage(owner: str, number: int, item: object) -> Passage:
    if not isinstance(item, dict):
        raise InvalidInput(f"knowledge {number + 1} is {str(item)[:60]!r}; it must be an object with a text")
    text = item.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InvalidInput(f"text of knowledge {number + 1} is {text!r}; it must be text that is not empty")
    return Passage(
        id=f"{owner}#{number}",
        document_id=str(item.get("document_id", owner)),
        title=str(item.get("title") or ""),
        source="given",
        text=text,
        question=_optional(item.get("question")),
        entity=_optional(item.get("entity")),
    )


def _optional(value: Any) -> str | None:
    return str(value) if value else None
