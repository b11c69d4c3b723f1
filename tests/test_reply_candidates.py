"""Which replies are worth learning from, and why the others are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from assistant.engines import ChatMessage
from tests.curation_data import ANSWER, QUESTION, logged, one, rated


@pytest.mark.parametrize(
    ("said", "more", "reason"),
    [
        ([("person", ANSWER)], {}, "no_question"),
        ([("customer", QUESTION), ("person", "Yes.")], {}, "too_short"),
        ([("customer", QUESTION), ("person", "word " * 400)], {}, "too_long"),
        ([("customer", QUESTION), ("person", "Hi! Thanks for reaching out to us.")], {}, "boilerplate"),
        ([("customer", QUESTION), ("person", "You are an idiot, read the page.")], {}, "toxic"),
        ([("customer", QUESTION), ("person", ANSWER)], {"satisfaction": 1}, "dissatisfied"),
        ([("customer", QUESTION), ("assistant", ANSWER)], {"live": True}, "own_reply"),
    ],
)
def test_unfit_replies_are_dropped_with_their_reason(said: list[Any], more: dict[str, Any], reason: str) -> None:
    curation = one(logged(1, *said, **more))
    assert (curation.examples, curation.dropped) == ((), {reason: 1})


def test_bad_ratings_drop_and_good_ones_admit_our_own_replies() -> None:
    own = logged(1, ("customer", QUESTION), ("assistant", ANSWER), live=True, source="assistant")
    assert one(rated(own, 1, -1)).dropped == {"rated_bad": 1}
    assert one(rated(own, 1, 1)).examples[0].reply == ANSWER


def test_where_people_answer_bots_are_no_example() -> None:
    bot = logged(1, ("customer", QUESTION), ("assistant", "I am a bot and can help with parcels."))
    person = logged(
        2, ("customer", "Can I return it?"), ("assistant", "Let me ask someone."), ("person", "Yes, within 30 days.")
    )
    assert [example.reply for example in one(bot).examples] == ["I am a bot and can help with parcels."]
    curation = one(bot, person)
    assert [example.reply for example in curation.examples] == ["Yes, within 30 days."]
    assert curation.examples[0].messages == (ChatMessage("user", "Can I return it?"),)
    assert curation.dropped == {"bot_reply": 2}


def test_a_second_answer_to_one_message_is_a_follow_up() -> None:
    conversation = logged(
        1, ("customer", QUESTION), ("person", ANSWER), ("person", "Any other question?"), names=(None, "A", "B")
    )
    assert one(conversation).dropped == {"follow_up": 1}


def test_a_staff_correction_replaces_the_reply_and_overrules_everything() -> None:
    own = rated(logged(1, ("customer", QUESTION), ("assistant", "No, never."), live=True, satisfaction=1), 1, -1)
    other = logged(2, ("customer", QUESTION), ("person", ANSWER), satisfaction=5)
    better = replace(own.messages[1], corrected="Yes, in five working days, from 9 euros.")
    first, second = one(replace(own, messages=(own.messages[0], better)), other).examples
    assert (first.kind, first.reply) == ("correction", "Yes, in five working days, from 9 euros.")
    assert second.kind == "log"


def test_an_unapproved_reply_is_dropped_and_a_person_s_approval_overrules_the_log() -> None:
    own = rated(logged(1, ("customer", QUESTION), ("assistant", ANSWER), live=True, satisfaction=1), 1, -1)
    asked, said = own.messages
    unapproved = replace(own, messages=(asked, replace(said, approved=False)))
    assert one(unapproved).dropped == {"unapproved": 1}
    (example,) = one(replace(own, messages=(asked, replace(said, judged=True)))).examples
    assert (example.kind, example.reply) == ("log", ANSWER)
