"""Read single fields of exported records: times, ids, ratings, roles; and say what is wrong with a bad one.

Knows nothing of whole conversations or of any one export format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dateutil import parser as dates

from assistant.conversation import Author, ImportedMessage
from training.log_text import written_text

LONGEST_TEXT = 100_000  # characters of one message

ROLES: Mapping[str, Author] = {
    **dict.fromkeys(
        ("user", "human", "customer", "client", "visitor", "contact", "lead", "enduser", "requester"), "customer"
    ),
    **dict.fromkeys(("incoming", "inbound", "consumer", "guest", "member", "buyer", "caller", "question"), "customer"),
    **dict.fromkeys(("assistant", "bot", "gpt", "chatgpt", "model", "ai", "agentbot", "operatorbot"), "assistant"),
    **dict.fromkeys(
        ("agent", "person", "staff", "human_agent", "humanagent", "support", "operator", "admin"), "person"
    ),
    **dict.fromkeys(("teammate", "employee", "outgoing", "outbound", "representative", "rep", "answer"), "person"),
    **dict.fromkeys(("system", "developer", "activity", "event"), "system"),
}
DROPPED_ROLES = frozenset({"tool", "function", "note", "internal", "privatenote", "internalnote", "observation"})
YES = frozenset({"true", "yes", "y", "1", "resolved", "solved", "closed", "done"})
NO = frozenset({"false", "no", "n", "0", "unresolved", "open", "pending", "new", "hold", "snoozed"})


class Malformed(Exception):
    """A record that cannot be imported; the message says which field and why."""


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """`value` if it is an object; raises Malformed."""
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} is no object but {str(value)[:60]!r}")
    return value


def sequence(value: object, what: str) -> Sequence[Any]:
    """`value` if it is a list; raises Malformed."""
    if not isinstance(value, list):
        raise Malformed(f"{what} is no list but {str(value)[:60]!r}")
    return value


def identifier(value: object, what: str) -> str:
    """A non-empty id, numbers as text; raises Malformed."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or not str(value).strip():
        raise Malformed(f"{what} is {value!r}, not an id")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def identifier_or_none(value: object) -> str | None:
    """The id as text, or None if there is none."""
    return None if value is None or value == "" else identifier(value, "id")


def content_id(record: object) -> str:
    """An id for a record that has none, the same whenever the same record is imported."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, default=str).encode()).hexdigest()[:24]


def name_or_none(value: object) -> str | None:
    """A name, or None if empty."""
    return value.strip() or None if isinstance(value, str) else None


def text(value: object, what: str) -> str:
    """What a person wrote in a field: plain or HTML, or OpenAI's list of parts; raises Malformed."""
    if value is None:
        return ""
    if isinstance(value, list):
        parts = [part.get("text", "") if isinstance(part, Mapping) else part for part in value]
        value = "\n".join(part for part in parts if isinstance(part, str))
    if not isinstance(value, str):
        raise Malformed(f"{what} is no text but {str(value)[:60]!r}")
    return written_text(value)[:LONGEST_TEXT]


def time_or_none(value: object, what: str = "created_at") -> datetime | None:
    """Seconds or milliseconds since 1970, ISO 8601 or written out (month first), as UTC; raises Malformed."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdigit():
            moment = _written_time(value.strip())
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError("not a time")
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed(f"{what} is {str(value)[:60]!r}, not a time; ISO 8601 is understood") from error


def _written_time(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value.removesuffix(" UTC"))
    except ValueError:
        parsed: datetime = dates.parse(value)
        return parsed


def rating_or_none(value: object) -> int | None:
    """A thumb as 1 or -1 from numbers, booleans and words; stars count from 4 up as 1, to 2 as -1."""
    if value is None or value == "":
        return None
    word = str(value).strip().lower()
    if word in ("1", "1.0", "true", "good", "up", "positive", "like", "thumbs_up", "👍"):
        return 1
    if word in ("-1", "-1.0", "false", "bad", "down", "negative", "dislike", "thumbs_down", "👎"):
        return -1
    if word in ("2", "4", "5"):
        return 1 if word > "3" else -1
    return None


def stars_or_none(value: object) -> int | None:
    """A satisfaction score from 1 to 5, or None."""
    try:
        score = int(float(str(value)))
    except ValueError:
        return None
    return score if 1 <= score <= 5 else None


def truth_or_none(value: object) -> bool | None:
    """Yes or no from booleans and words such as "solved" or "open"; None for anything else."""
    word = str(value).strip().lower()
    return True if word in YES else False if word in NO else None


def author_of(role: object) -> Author | None:
    """Who wrote a message by its role; None for tools and notes, which are dropped; raises Malformed."""
    word = str(role).strip().lower().replace("-", "").replace(" ", "")
    if word in DROPPED_ROLES:
        return None
    if word not in ROLES:
        raise Malformed(f"role {str(role)[:40]!r} is not known; known are {', '.join(sorted(ROLES))}")
    return ROLES[word]


def said(author: Author, words: str, **more: Any) -> list[ImportedMessage]:
    """The message as a list, empty if there are no words, so that callers can add it up."""
    return [ImportedMessage(author, words, **more)] if words else []
