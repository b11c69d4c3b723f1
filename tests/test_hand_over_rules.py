"""When a person is brought in: by request, keyword, intent, or after too many questions without an answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.conversation import Action, Author, Intent, Message
from assistant.hand_over_rules import failures_at_end, has_keyword, reason_for_person
from assistant.phrases import phrases
from assistant.settings import Settings, load_settings
from assistant.tables import now
from tests.storing import REPLY

DONT_KNOW = replace(REPLY, action="hand_over", trace={"reason": "thin_evidence"})


def said(*messages: tuple[Author, Action | None]) -> list[Message]:
    return [
        Message(f"m{n}", "c", n, author, "words", now(), action=action)
        for n, (author, action) in enumerate(messages, 1)
    ]


def told(home: Path, **values: Any) -> Settings:
    return load_settings(home, **values)


def test_asking_wins_over_every_other_reason(tmp_path: Path) -> None:
    asked = replace(DONT_KNOW, trace={"reason": "asked_for_person"})
    assert reason_for_person("lawyer", asked, [], told(tmp_path, hand_over_keywords=["lawyer"])) == "asked_for_person"


def test_two_failures_in_a_row_bring_in_a_person(tmp_path: Path) -> None:
    settings = told(tmp_path)
    one = said(("customer", None), ("assistant", "hand_over"), ("customer", None))
    assert reason_for_person("x", DONT_KNOW, [], settings) is None
    assert reason_for_person("x", DONT_KNOW, one, settings) == "repeated_failure"
    assert reason_for_person("x", REPLY, one, settings) is None
    assert reason_for_person("x", DONT_KNOW, one, told(tmp_path, hand_over_after=3)) is None
    assert reason_for_person("x", DONT_KNOW, one * 5, told(tmp_path, hand_over_after=0)) is None
    assert reason_for_person("x", DONT_KNOW, [], told(tmp_path, hand_over_after=1)) == "thin_evidence"


def test_an_answer_or_a_person_ends_the_row_and_small_talk_does_not() -> None:
    assert failures_at_end(said(("assistant", "hand_over"), ("assistant", "answer"))) == 0
    assert failures_at_end(said(("assistant", "hand_over"), ("person", None))) == 0
    assert failures_at_end(said(("assistant", "answer"), ("assistant", "hand_over"), ("assistant", "small_talk"))) == 1


def test_a_person_who_was_declined_does_not_come_at_the_next_failure(tmp_path: Path) -> None:
    failed, small_talk = said(("assistant", "hand_over"), ("assistant", "small_talk"))
    for language in ("en", "zh"):
        declined = replace(small_talk, text=phrases(language).all_right)
        assert reason_for_person("x", DONT_KNOW, [failed, declined], told(tmp_path)) is None
        assert reason_for_person("x", DONT_KNOW, [failed, declined, failed], told(tmp_path)) == "repeated_failure"


def test_an_intent_brings_in_a_person(tmp_path: Path) -> None:
    reply = replace(REPLY, intent=Intent("complaint", 0.9))
    assert reason_for_person("x", reply, [], told(tmp_path, hand_over_intents=["complaint"])) == "intent"
    assert reason_for_person("x", reply, [], told(tmp_path, hand_over_intents=["other"])) is None


@pytest.mark.parametrize(
    ("text", "found"), [("Call my LAWYER!", True), ("lawyers", False), ("我要投诉你们", True), ("hello", False)]
)
def test_keywords_are_whole_words(text: str, found: bool) -> None:
    assert has_keyword(text, ["lawyer", "投诉", " "]) is found
