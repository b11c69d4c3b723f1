"""How an adapter does with live customers: bad ratings, hand-overs and unsupported answers, each as yes or no.

Counts only turns in which the adapter was asked, whoever wrote the reply in the end. Knows nothing of what is too many.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select

from assistant.store import Store
from assistant.tables import HandOverRow, MessageRow, RatingRow, TraceRow

MOST = 20_000  # observations of each kind
BY_STAFF = "taken_over_by_staff"


@dataclass(frozen=True, slots=True)
class LiveSignals:
    """Observations in order of time, True for the bad ones: rated replies, conversations, turns."""

    rated_bad: tuple[bool, ...]
    handed_over: tuple[bool, ...]
    unsupported: tuple[bool, ...]


def live_signals(store: Store, adapter: str, since: datetime, until: datetime) -> LiveSignals:
    """What came of the turns in which `adapter` (an id, or "base") was asked in [since, until)."""
    asked = and_(
        TraceRow.details["consulted"].as_string() == adapter,
        TraceRow.created_at >= since,
        TraceRow.created_at < until,
    )
    with store.reading() as session:

        def observed(query: Select[Any]) -> tuple[bool, ...]:
            return tuple(bool(value) for (value,) in session.execute(query.limit(MOST)))

        return LiveSignals(
            observed(_ratings(asked)), observed(_hand_overs(asked, since)), observed(_unsupported(asked))
        )


def _unsupported(asked: ColumnElement[bool]) -> Select[Any]:
    failed = TraceRow.details["unsupported"].as_string().is_not(None)
    return select(failed).where(asked).order_by(TraceRow.created_at)


def _ratings(asked: ColumnElement[bool]) -> Select[Any]:
    joined = select(RatingRow.value < 0).join(TraceRow, TraceRow.message_id == RatingRow.message_id)
    return joined.where(asked).order_by(RatingRow.created_at)


def _hand_overs(asked: ColumnElement[bool], since: datetime) -> Select[Any]:
    called = select(HandOverRow.id).where(
        HandOverRow.conversation_id == MessageRow.conversation_id,
        HandOverRow.requested_at >= since,
        HandOverRow.reason != BY_STAFF,
    )
    first = func.min(TraceRow.created_at)
    joined = select(called.exists()).select_from(MessageRow).join(TraceRow, TraceRow.message_id == MessageRow.id)
    return joined.where(asked).group_by(MessageRow.conversation_id).order_by(first)
