"""When a person is brought in: because the customer asks, or by rules of the settings after an answer was written.

Knows one reply and what came before it; nothing of how a person is called or who is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from assistant.conversation import Message, Reply
from assistant.mood import Mood
from assistant.phrases import accepts_decline
from assistant.settings import Settings

Reason = Literal[
    "asked_for_person", "keyword", "intent", "anger", "repeated_failure", "thin_evidence", "taken_over_by_staff"
]


def reason_for_person(
    asked: str, reply: Reply, earlier: Sequence[Message], settings: Settings, before: Mood | None = None
) -> Reason | None:
    """Why a person should join after `reply` to the words `asked`; `earlier` are the messages before, in order.

    `before` is the mood of the customer's message before this one.
    """
    if reply.trace.get("reason") == "asked_for_person":
        return "asked_for_person"
    if has_keyword(asked, settings.hand_over_keywords):
        return "keyword"
    if reply.intent is not None and reply.intent.name in settings.hand_over_intents:
        return "intent"
    if is_anger(reply, before, settings.hand_over_anger):
        return "anger"
    if reply.action != "hand_over" or not settings.hand_over_after:
        return None
    if 1 + failures_at_end(earlier) < settings.hand_over_after:
        return None
    return "thin_evidence" if settings.hand_over_after == 1 else "repeated_failure"


def is_anger(reply: Reply, before: Mood | None, least: float) -> bool:
    """Is the customer surely unhappy, and for the second time, or in a hurry, or without an answer? 0 is never."""
    said = reply.trace.get("mood")
    if not least or not said or said["sentiment"] != "negative" or said["confidence"] < least:
        return False
    again = before is not None and before.sentiment == "negative" and before.confidence >= least
    return again or said["urgency"] >= least or reply.action == "hand_over"


def has_keyword(text: str, keywords: Sequence[str]) -> bool:
    """Does one of the words stand in the text? Latin words as whole words, in any case."""
    patterns = (rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word) for word in keywords if word.strip())
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)


def failures_at_end(messages: Sequence[Message]) -> int:
    """How many of the assistant's latest answers in a row had nothing to say.

    Small talk does not count; what came before the customer did without a person is forgiven.
    """
    failures = 0
    for message in reversed(messages):
        answered = message.author == "person" or message.action in ("answer", "template", "clarify")
        if answered or accepts_decline(message.text):
            break
        failures += message.action == "hand_over"
    return failures
