"""The review queue: answers of the assistant worth a second look, and what staff made of them.

Works on the sessions of a `Store`; approvals themselves are in `store_approvals.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import aliased

from assistant.conversation import Message
from assistant.errors import InvalidInput, NotFound
from assistant.storable import clean
from assistant.store import Store
from assistant.tables import ConversationRow, HandOverRow, MessageRow, RatingRow, TraceRow
from assistant.tables_staff import ReviewRow, Verdict

Why = Literal["thumbs_down", "handed_over", "low_evidence"]


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """An answer to look at, with the customer's question before it."""

    reply: Message
    question: str
    evidence: float
    language: str
    why: tuple[Why, ...]
    comment: str | None  # the customer's, with the thumb
    adapter: str | None


def review_queue(store: Store, low_evidence: float, limit: int = 50) -> list[ReviewItem]:
    """Live answers nobody has reviewed that were disliked, led to a person, or had thin evidence; the latest first.

    Small talk is left out; so are replies to a mere wish for a person.
    """
    asked = aliased(MessageRow)
    handed = select(HandOverRow.id).where(HandOverRow.conversation_id == MessageRow.conversation_id).exists()
    query = (
        select(MessageRow, TraceRow, RatingRow, asked.text, handed)
        .join(TraceRow, TraceRow.message_id == MessageRow.id)
        .join(ConversationRow, and_(ConversationRow.id == MessageRow.conversation_id, ConversationRow.source.is_(None)))
        .join(asked, asked.id == MessageRow.in_reply_to)
        .outerjoin(RatingRow, RatingRow.message_id == MessageRow.id)
        .outerjoin(ReviewRow, ReviewRow.message_id == MessageRow.id)
        .where(ReviewRow.message_id.is_(None), MessageRow.action != "small_talk")
        .where(or_(TraceRow.evidence < low_evidence, RatingRow.value == -1, handed))
        .order_by(MessageRow.id.desc())
        .limit(2 * limit)
    )
    with store.reading() as session:
        found = [
            ReviewItem(
                reply=message.to_message(rating.value if rating else None),
                question=trace.question or text,
                evidence=trace.evidence,
                language=trace.language,
                why=_why(rating, was_handed, trace.evidence < low_evidence),
                comment=rating.comment if rating else None,
                adapter=trace.adapter,
            )
            for message, trace, rating, text, was_handed in session.execute(query)
            if trace.details.get("reason") != "asked_for_person"
        ]
    return found[:limit]


def _why(rating: RatingRow | None, handed: bool, low: bool) -> tuple[Why, ...]:
    reasons: list[Why] = []
    if rating is not None and rating.value == -1:
        reasons.append("thumbs_down")
    if handed:
        reasons.append("handed_over")
    if low:
        reasons.append("low_evidence")
    return tuple(reasons)


def mark_reviewed(store: Store, message_id: str, verdict: Verdict, reviewer: str) -> None:
    """The answer leaves the queue; a later verdict replaces it. Raises NotFound, InvalidInput for other messages."""
    with store.writing() as session:
        message = session.get(MessageRow, clean(message_id))
        if message is None:
            raise NotFound(f"there is no message {message_id!r}")
        if message.author != "assistant":
            raise InvalidInput(f"message {message_id!r} is the {message.author}'s; only the assistant's are reviewed")
        session.merge(ReviewRow(message_id=message.id, verdict=verdict, reviewer=reviewer))
