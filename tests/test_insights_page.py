"""Charts get one row for each bar, numbers as numbers, and days without ratings no point."""

from __future__ import annotations

from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from assistant.store_insights import Day
from ui.desk.insights_page import (
    COLORS,
    conversation_frame,
    language_frame,
    mood_frame,
    satisfaction_frame,
    thumb_frame,
)
from ui.desk_words import CHINESE, ENGLISH

MONTH = [Day("2026-11-23", 5, 2, 3, 1, 4.5), Day("2026-11-24", 1, 0, 0, 0, None)]


def test_conversations_are_split_into_answered_alone_and_handed_over() -> None:
    frame = conversation_frame(MONTH)
    assert list(frame["count"]) == [3, 2, 1, 0]
    assert set(frame["kind"]) | set(thumb_frame(MONTH)["kind"]) <= set(COLORS)
    assert is_numeric_dtype(frame["count"])


def test_satisfaction_has_a_point_only_where_somebody_rated() -> None:
    frame = satisfaction_frame(MONTH)
    assert list(frame["score"]) == [4.5] and is_datetime64_any_dtype(frame["day"])
    assert satisfaction_frame([]).empty and conversation_frame([]).empty


def test_moods_and_languages_have_a_colour_and_a_name_in_both_languages() -> None:
    counted = [("2026-11-23", "angry", 1), ("2026-11-23", "neutral", 4)]
    frame = mood_frame(counted)
    assert list(frame["count"]) == [1, 4] and set(frame["kind"]) == {"mood_angry", "mood_neutral"}
    assert list(language_frame({"en": 3, "zh": 1})["language"]) == ["en", "zh"]
    assert set(COLORS) <= set(ENGLISH) and set(COLORS) <= set(CHINESE)
