"""Moods of customers' messages, one a message.

Knows SQL; nothing of how moods are found.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlalchemy import select

from assistant.mood import Mood
from assistant.tables_understanding import MoodRow

if TYPE_CHECKING:
    from assistant.store import Store


def record_mood(store: Store, message_id: str, mood: Mood) -> None:
    """The mood of a stored message; a later one replaces it."""
    with store.writing() as session:
        session.merge(
            MoodRow(message_id=message_id, sentiment=mood.sentiment, confidence=mood.confidence, urgency=mood.urgency)
        )


def moods_of(store: Store, message_ids: Collection[str]) -> dict[str, Mood]:
    """By message, those that have one."""
    with store.reading() as session:
        rows = session.scalars(select(MoodRow).where(MoodRow.message_id.in_(message_ids)))
        return {row.message_id: Mood(row.sentiment, row.confidence, row.urgency) for row in rows}
