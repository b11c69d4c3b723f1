"""Questions of which is known whether their hits answer them: from a labelled file, or as the team judged answers.

A live answer counts as right by a thumb up or an approval, as wrong by a thumb down or a correction; staff's word
counts more than the customer's. A refusal that staff approved counts as a question without an answer. Each is searched
again, so that the evidence is that of today's knowledge base.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select

from assistant.engines import ChatMessage
from assistant.errors import InvalidInput
from assistant.store import Store
from assistant.tables import MessageRow, RatingRow
from assistant.tables_staff import ReviewRow
from assistant.understand import understand
from retrieval.search import Retriever

DEPTH = 3  # hits among which a labelled document must be
LOOK_BACK = 40  # messages
MOST = 5000  # judged answers, the latest


@dataclass(frozen=True, slots=True)
class Judged:
    """A conversation up to a question; `right`: whether its hits answered, unless `documents` tell it."""

    messages: tuple[ChatMessage, ...]
    right: bool
    documents: frozenset[str] = frozenset()


def from_file(path: Path) -> list[Judged]:
    """Lines `{"query" or "messages", "answerable": bool, "documents": [ids]?}`. Raises InvalidInput."""
    if not path.is_file():
        raise InvalidInput(f"no such file: {str(path)!r}")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_judged(f"{path}, line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]


def from_store(store: Store) -> list[Judged]:
    """What customers and staff judged, latest first; only the assistant's answers and refusals."""
    query = (
        select(MessageRow.in_reply_to, MessageRow.action, RatingRow.value, ReviewRow.verdict)
        .outerjoin(RatingRow, RatingRow.message_id == MessageRow.id)
        .outerjoin(ReviewRow, ReviewRow.message_id == MessageRow.id)
        .where(MessageRow.action.in_(("answer", "hand_over")), MessageRow.in_reply_to.is_not(None))
        .where(or_(RatingRow.message_id.is_not(None), ReviewRow.verdict.in_(("approved", "corrected"))))
        .order_by(MessageRow.id.desc())
        .limit(MOST)
    )
    with store.reading() as session:
        rows = session.execute(query).all()
    return list(_live(store, rows))


def evidence_of(retriever: Retriever, judged: Sequence[Judged]) -> list[tuple[float, bool]]:
    """Evidence and right or wrong of each question that is searched for at all."""
    asked = [(one, understand(one.messages)) for one in judged]
    asked = [(one, said) for one, said in asked if not said.small_talk and not said.wants_person]
    found = retriever.search_many(
        [said.topic for _, said in asked],
        DEPTH,
        [said.said for _, said in asked],
        [said.question for _, said in asked],
    )
    return [
        (result.evidence, _is_right(one, {hit.passage.document_id for hit in result.hits}))
        for (one, _), result in zip(asked, found, strict=True)
    ]


def _is_right(one: Judged, found: set[str]) -> bool:
    return one.right and (not one.documents or not one.documents.isdisjoint(found))


def _live(store: Store, rows: Sequence[Any]) -> Iterator[Judged]:
    for asked, action, thumb, verdict in rows:
        if action == "hand_over" and verdict != "approved":
            continue  # what the answer would have been is not known
        right = action == "answer" and (verdict == "approved" if verdict in ("approved", "corrected") else thumb == 1)
        said = [message for message in store.messages_until(asked, LOOK_BACK) if message.author != "system"]
        messages = (ChatMessage("user" if m.author == "customer" else "assistant", m.text) for m in said)
        yield Judged(tuple(messages), right)


def _judged(place: str, line: str) -> Judged:
    try:
        row = json.loads(line)
        given = row.get("messages") or [{"role": "user", "content": row["query"]}]
        messages = tuple(ChatMessage(said["role"], said["content"]) for said in given)
        documents = frozenset(row.get("documents", ()))
        right = row["answerable"] if "answerable" in row else bool(documents)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f'{place} must be {{"query" or "messages", "answerable": true or false, "documents": [ids]}}: {error}'
        ) from error
    if messages[-1].role != "user" or not isinstance(right, bool):
        raise InvalidInput(f'{place}: the last message must be the user\'s and "answerable" true or false')
    return Judged(messages, right, documents)
