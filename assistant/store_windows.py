"""What live conversations were like in a span of time, for comparison with another span.

Knows the tables; nothing of tests or of what follows from them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from assistant.store import Store
from assistant.tables import ConversationRow, HandOverRow, RatingRow, TraceRow
from assistant.tables_learning import ApprovalRow

NO_INTENT = "(none)"
MOST_TURNS = 20_000  # the latest of a span


@dataclass(frozen=True, slots=True)
class Window:
    """Counts of the turns, ratings and conversations in [since, until)."""

    languages: Mapping[str, int]
    intents: Mapping[str, int]
    evidence: tuple[float, ...]
    good: int
    bad: int
    conversations: int
    handed_over: int


def window(store: Store, since: datetime | None, until: datetime) -> Window:
    """The live conversations of a span; `since` None means from the beginning."""
    with store.reading() as session:
        turns = select(TraceRow.language, TraceRow.intent, TraceRow.evidence).where(TraceRow.created_at < until)
        rated = select(RatingRow.value, func.count()).where(RatingRow.created_at < until).group_by(RatingRow.value)
        rated = rated.join(TraceRow, TraceRow.message_id == RatingRow.message_id)
        begun = select(func.count()).where(ConversationRow.created_at < until, ConversationRow.source.is_(None))
        asked = select(func.count(func.distinct(HandOverRow.conversation_id))).join(
            ConversationRow, ConversationRow.id == HandOverRow.conversation_id
        )
        asked = asked.where(ConversationRow.created_at < until, ConversationRow.source.is_(None))
        if since is not None:
            turns = turns.where(TraceRow.created_at >= since)
            rated = rated.where(RatingRow.created_at >= since)
            begun, asked = (query.where(ConversationRow.created_at >= since) for query in (begun, asked))
        latest = session.execute(turns.order_by(TraceRow.created_at.desc()).limit(MOST_TURNS)).all()
        ratings = Counter[int]()
        for value, count in session.execute(rated):
            ratings[value] = count
        return Window(
            languages=Counter(language for language, _, _ in latest),
            intents=Counter(intent or NO_INTENT for _, intent, _ in latest),
            evidence=tuple(evidence for _, _, evidence in latest),
            good=ratings[1],
            bad=ratings[-1],
            conversations=session.scalar(begun) or 0,
            handed_over=session.scalar(asked) or 0,
        )


def approved_since(store: Store, moment: datetime | None) -> int:
    """Standing approvals given after a moment; all of them for None."""
    query = select(func.count()).select_from(ApprovalRow).where(ApprovalRow.revoked_at.is_(None))
    if moment is not None:
        query = query.where(ApprovalRow.created_at > moment)
    with store.reading() as session:
        return session.scalar(query) or 0
