"""What the team can learn from its conversations: a day's figures, languages, moods, and questions without an answer.

Works on the sessions of a `Store`; counts live conversations only. Knows nothing of charts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select
from sqlalchemy.orm import aliased

from assistant.store import Store
from assistant.tables import ConversationRow, HandOverRow, MessageRow, RatingRow, TraceRow, now
from assistant.tables_understanding import MoodRow
from retrieval.embed import Embedder

MOST_GAPS = 300  # unanswered questions looked at
SAME = 0.72  # cosine from which two questions count as one gap


@dataclass(frozen=True, slots=True)
class Day:
    """One day's figures, UTC; `satisfaction` is the mean of 1..5, None without a rating."""

    day: str
    conversations: int
    handed_over: int
    thumbs_up: int
    thumbs_down: int
    satisfaction: float | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions that mean the same and that the knowledge base does not answer; `questions` has the latest first."""

    questions: tuple[str, ...]
    latest: datetime

    @property
    def title(self) -> str:
        """The latest wording."""
        return self.questions[0]


def days(store: Store, past: int = 30) -> list[Day]:
    """The last `past` days that have conversations, oldest first."""
    handed = select(HandOverRow.id).where(HandOverRow.conversation_id == ConversationRow.id).exists()
    day = func.date(ConversationRow.created_at)
    figures = (
        select(day, func.count(), func.sum(case((handed, 1), else_=0)), func.avg(ConversationRow.satisfaction))
        .where(*_live(past))
        .group_by(day)
        .order_by(day)
    )
    thumb_day = func.date(RatingRow.created_at)
    thumbs = (
        select(thumb_day, RatingRow.value, func.count())
        .join(MessageRow, MessageRow.id == RatingRow.message_id)
        .join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
        .where(ConversationRow.source.is_(None), RatingRow.created_at >= _since(past))
        .group_by(thumb_day, RatingRow.value)
    )
    with store.reading() as session:
        rated = {(str(at), value): count for at, value, count in session.execute(thumbs)}
        return [
            Day(
                str(at),
                count,
                int(handed_over or 0),
                rated.get((str(at), 1), 0),
                rated.get((str(at), -1), 0),
                None if mean is None else round(float(mean), 2),
            )
            for at, count, handed_over, mean in session.execute(figures)
        ]


def languages(store: Store, past: int = 30) -> dict[str, int]:
    """Conversations by language, the most frequent first."""
    query = (
        select(func.coalesce(ConversationRow.language, "?"), func.count())
        .where(*_live(past))
        .group_by(ConversationRow.language)
        .order_by(func.count().desc())
    )
    with store.reading() as session:
        return {str(language): count for language, count in session.execute(query)}


def moods(store: Store, past: int = 30) -> list[tuple[str, str, int]]:
    """(day, sentiment, customers' messages), oldest first."""
    day = func.date(MessageRow.created_at)
    query = (
        select(day, MoodRow.sentiment, func.count())
        .join(MessageRow, MessageRow.id == MoodRow.message_id)
        .where(MessageRow.created_at >= _since(past))
        .group_by(day, MoodRow.sentiment)
        .order_by(day, MoodRow.sentiment)
    )
    with store.reading() as session:
        return [(str(at), sentiment, count) for at, sentiment, count in session.execute(query)]


def gaps(store: Store, embedder: Embedder, past: int = 30) -> list[Gap]:
    """Questions the assistant could not answer, alike ones together, the most frequent first.

    One that was asked back counts too, unless something was answered in that conversation afterwards.
    """
    query = (
        select(TraceRow.question, TraceRow.created_at)
        .join(MessageRow, MessageRow.id == TraceRow.message_id)
        .join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
        .where(or_(TraceRow.action == "hand_over", _left_open()), TraceRow.created_at >= _since(past))
        .where(ConversationRow.source.is_(None), TraceRow.question.is_not(None))
        .order_by(TraceRow.created_at.desc())
        .limit(MOST_GAPS)
    )
    details = select(TraceRow.question).where(TraceRow.details["reason"].as_string() == "asked_for_person")
    with store.reading() as session:
        wishes = set(session.scalars(details.where(TraceRow.created_at >= _since(past))))
        asked = [(text, at) for text, at in session.execute(query) if text and text not in wishes]
    return sorted(_together(asked, embedder), key=lambda gap: len(gap.questions), reverse=True)


def _left_open() -> ColumnElement[bool]:
    """Was it asked back what the message of a trace meant, and nothing answered or counted after it?"""
    message, trace = aliased(MessageRow), aliased(TraceRow)
    settled = or_(
        trace.action.in_(("answer", "template")),
        and_(trace.action == "hand_over", trace.details["reason"].as_string() != "asked_for_person"),
    )
    later = (
        select(message.id)
        .join(trace, trace.message_id == message.id)
        .where(message.conversation_id == MessageRow.conversation_id, message.position > MessageRow.position)
        .where(settled)
        .exists()
    )
    return and_(TraceRow.action == "clarify", not_(later))


def _together(asked: Sequence[tuple[str, datetime]], embedder: Embedder) -> list[Gap]:
    """Each question joins the first group whose newest question is close enough."""
    if not asked:
        return []
    vectors = embedder.encode([text for text, _ in asked])
    groups: list[list[int]] = []
    for at in range(len(asked)):
        near = next((group for group in groups if float(vectors[group[0]] @ vectors[at]) >= SAME), None)
        if near is None:
            groups.append([at])
        else:
            near.append(at)
    return [Gap(tuple(asked[at][0] for at in group), asked[group[0]][1]) for group in groups]


def _live(past: int) -> tuple[ColumnElement[bool], ...]:
    begun = ConversationRow.next_position > 1
    return ConversationRow.source.is_(None), begun, ConversationRow.created_at >= _since(past)


def _since(past: int) -> datetime:
    return now() - timedelta(days=past)
