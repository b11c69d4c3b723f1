"""A few conversations of a help desk, and curation whose counts must add up, for the tests of its parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from assistant.conversation import Author
from training.curate import Curation, curate
from training.curation_rules import REASONS, CurationRules
from training.logged import Logged, LoggedMessage

RULES = CurationRules()
QUESTION = "Do you ship lamps to Norway?"
ANSWER = "Yes, we ship to Norway within five working days."


def logged(number: int, *said: tuple[Author, str], names: tuple[str | None, ...] = (), **more: Any) -> Logged:
    """Conversation `number` of a help desk."""
    messages = tuple(
        LoggedMessage(f"{number}.{i}", author, text, names[i] if i < len(names) else None)
        for i, (author, text) in enumerate(said)
    )
    return Logged(
        f"id-{number}", f"desk/{number}", more.pop("source", "desk"), more.pop("live", False), messages, **more
    )


def rated(conversation: Logged, index: int, rating: int) -> Logged:
    messages = list(conversation.messages)
    messages[index] = replace(messages[index], rating=rating)
    return replace(conversation, messages=tuple(messages))


def one(*conversations: Logged, rules: CurationRules = RULES, **more: Any) -> Curation:
    curation = curate(conversations, rules, **more)
    assert sum(curation.dropped.values()) + len(curation.examples) == curation.replies
    assert set(curation.dropped) <= set(REASONS)
    return curation
