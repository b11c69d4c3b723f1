"""Turn the rows of a CSV file into message logs: a message a row, or a question and its answer a row.

Columns are told by name or guessed from the header. Knows nothing of files or of other formats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.errors import InvalidInput
from training.log_fields import Malformed, author_of, content_id, truth_or_none

# what a column may mean, and the headers (letters and digits only, lower case) by which it is guessed
MEANINGS: Mapping[str, tuple[str, ...]] = {
    "conversation": (
        *("conversationid", "conversation", "ticketid", "chatid", "threadid", "dialogueid", "dialogid", "sessionid"),
        *("caseid", "ticket", "convid", "ticketnumber"),
    ),
    "role": ("role", "authortype", "sendertype", "speaker", "author", "sender", "direction", "from", "senderrole"),
    "inbound": ("inbound", "incoming", "iscustomer"),
    "text": ("text", "content", "message", "body", "messagetext", "utterance", "comment", "messagebody", "plainbody"),
    "question": ("question", "query", "prompt", "customermessage", "instruction", "customerquestion", "userquestion"),
    "answer": ("answer", "response", "reply", "completion", "agentreply", "agentmessage", "output", "agentanswer"),
    "name": ("name", "authorname", "sendername", "agentname", "agent"),
    "created_at": ("createdat", "timestamp", "time", "datetime", "date", "sentat", "created"),
    "customer": ("customerid", "customer", "userid", "requesterid", "contactid", "customeremail"),
    "private": ("private", "internal", "isprivate", "isinternal"),
    "rating": ("rating", "score", "feedback"),
    "resolved": ("resolved", "status", "state"),
    "language": ("language", "lang", "locale"),
    "id": ("id", "messageid", "rowid"),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The header under which each meaning stands; those of MEANINGS, absent ones left out."""

    header: Mapping[str, str]

    @property
    def paired(self) -> bool:
        """Whether a row is a question with its answer."""
        return "question" in self.header and "answer" in self.header


def parse_columns(told: str) -> dict[str, str]:
    """`text=Body,role=Sender` as a mapping from meaning to header; raises InvalidInput."""
    pairs = {}
    for part in filter(None, told.split(",")):
        meaning, equals, header = (piece.strip() for piece in part.partition("="))
        if not equals or not header or meaning not in MEANINGS:
            raise InvalidInput(f"column {part!r}: write meaning=header; meanings are {', '.join(MEANINGS)}")
        pairs[meaning] = header
    return pairs


def find_columns(header: Sequence[str], told: Mapping[str, str]) -> Columns:
    """What each column of `header` means, as told or else guessed; raises InvalidInput if that is not enough."""
    for meaning, name in told.items():
        if name not in header:
            raise InvalidInput(f"no column {name!r} for {meaning}; the file has {', '.join(map(repr, header))}")
    plain = {re.sub(r"[\W_]", "", name.lower()): name for name in header if name not in told.values()}
    guessed = {
        meaning: plain[found]
        for meaning, names in MEANINGS.items()
        if meaning not in told and (found := next((name for name in names if name in plain), None))
    }
    columns = Columns({**guessed, **told})
    spoken = "text" in columns.header and ("role" in columns.header or "inbound" in columns.header)
    if not columns.paired and not (spoken and ("conversation" in columns.header)):
        raise InvalidInput(
            f"cannot tell the columns {', '.join(map(repr, header))} apart: name question and answer, or conversation, "
            "role and text, as in --columns conversation=Ticket,role=Sender,text=Body"
        )
    return columns


def row_to_record(row: Mapping[str, str], columns: Columns) -> dict[str, Any]:
    """A whole record for `messages_log` of a question and its answer; raises Malformed."""
    values = {meaning: row[header].strip() for meaning, header in columns.header.items()}
    if not values["question"] or not values["answer"]:
        raise Malformed("question or answer is empty")
    shared = {"created_at": values.get("created_at")}
    id = values.get("conversation") or values.get("id") or content_id([values["question"], values["answer"]])
    answer = {"role": "agent", "content": values["answer"], "name": values.get("name"), "rating": values.get("rating")}
    return _about(values) | {
        "id": id,
        "messages": [{"role": "user", "content": values["question"]} | shared, answer | shared],
    }


def row_to_message(row: Mapping[str, str], columns: Columns) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Of a message: its conversation, what the row says of that, and the message; raises Malformed."""
    values = {meaning: row[header].strip() for meaning, header in columns.header.items()}
    if not values["conversation"]:
        raise Malformed(f"column {columns.header['conversation']!r} is empty")
    if "inbound" in values:
        inbound = truth_or_none(values["inbound"])
        if inbound is None:
            raise Malformed(f"{values['inbound']!r} under {columns.header['inbound']!r} is neither true nor false")
        role = "customer" if inbound else "agent"
    else:
        role = values["role"]
    author_of(role)
    message = {
        "role": role,
        "content": values["text"],
        "name": values.get("name"),
        "created_at": values.get("created_at"),
        "rating": values.get("rating"),
        "private": values.get("private"),
        "id": values.get("id"),
    }
    return values["conversation"], _about(values), message


def _about(values: Mapping[str, str]) -> dict[str, Any]:
    """What a row says of its whole conversation."""
    found = {
        "customer_id": values.get("customer"),
        "resolved": values.get("resolved"),
        "language": values.get("language"),
    }
    return {key: value for key, value in found.items() if value}
