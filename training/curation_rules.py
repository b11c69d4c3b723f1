"""The rules by which replies are picked, and the reasons for which others are not.

Pure data; knows nothing of conversations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from assistant.errors import InvalidInput
from assistant.privacy import MaskRules

# why a reply was not picked, in words for people
REASONS: Mapping[str, str] = {
    "unapproved": "nobody approved it, or its text changed since",
    "no_question": "no customer message before it",
    "follow_up": "not the first answer to the customer's message",
    "own_reply": "the assistant's own, and nobody rated it good",
    "bot_reply": "a bot's, in a log where people answer too",
    "rated_bad": "rated bad",
    "dissatisfied": "the customer was not satisfied with the conversation",
    "too_short": "too few words",
    "too_long": "too long",
    "boilerplate": "nothing but greeting, thanks or notice",
    "toxic": "insulting",
    "personal_data": "cannot be said without personal data that the conversation does not give",
    "near_duplicate": "nearly the same question and reply were picked already",
    "repeated_reply": "the same reply was picked often enough",
    "conversation_cap": "the conversation has given enough",
    "customer_cap": "the customer has given enough",
    "agent_cap": "the agent has given enough",
    "over_limit": "better ones fill the set",
}


@dataclass(frozen=True, slots=True)
class CurationRules:
    """What is picked. The rules are stored with each data set."""

    min_words: int = 3  # words or Chinese characters of a reply
    max_reply_chars: int = 1200
    history_messages: int = 12
    history_chars: int = 6000
    least_satisfaction: int = 3  # 1..5
    per_conversation: int = 6
    per_customer: int = 20
    per_agent: int = 2000
    same_reply: int = 20  # examples with word for word the same reply
    similarity: float = 0.85  # of question and reply together, from which they are near duplicates
    validation_share: float = 0.05
    max_examples: int = 50_000
    order_patterns: tuple[str, ...] = field(default_factory=lambda: MaskRules().order_patterns)
    keep: tuple[str, ...] = ()  # the company's own addresses, numbers, hosts and words, never masked

    def __post_init__(self) -> None:
        """Raises InvalidInput for numbers that make no sense."""
        for name in ("min_words", "max_reply_chars", "history_messages", "history_chars", "per_conversation"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"curation rule {name} is {getattr(self, name)}; it must be 1 or more")
        if not 0 <= self.validation_share < 1 or not 0.3 <= self.similarity <= 0.95:
            raise InvalidInput("curation rules: validation_share must be in [0, 1) and similarity in [0.3, 0.95]")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return asdict(self)
