"""Replies become examples, the best first, and every other one is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.engines import ChatMessage
from assistant.errors import InvalidInput
from tests.curation_data import ANSWER, QUESTION, RULES, logged, one
from training.curation_rules import CurationRules


def test_a_person_s_reply_becomes_an_example_with_its_lineage() -> None:
    (example,) = one(
        logged(1, ("system", "rules"), ("customer", "Hi"), ("customer", QUESTION), ("person", ANSWER))
    ).examples
    assert example.messages == (ChatMessage("user", "Hi"), ChatMessage("user", QUESTION))
    assert (example.reply, example.kind, example.language) == (ANSWER, "log", "en")
    assert (example.conversation_id, example.message_ids) == ("id-1", ("1.1", "1.2", "1.3"))


def test_a_reply_in_several_messages_is_one_reply() -> None:
    (example,) = one(
        logged(1, ("customer", QUESTION), ("person", "Yes, we do."), ("person", "It takes five days."))
    ).examples
    assert example.reply == "Yes, we do.\nIt takes five days."
    assert example.message_ids == ("1.0", "1.1", "1.2")


def test_better_conversations_come_first_and_fill_a_limited_set() -> None:
    conversations = [
        logged(
            1, ("customer", QUESTION + " one"), ("person", "Plain answer with nothing said about it."), resolved=False
        ),
        logged(
            2, ("customer", "Is it dimmable at all?"), ("person", "Solved answer, it can be dimmed."), resolved=True
        ),
        logged(
            3,
            ("customer", "What about returns please?"),
            ("person", "Praised answer, thirty days."),
            resolved=True,
            satisfaction=5,
        ),
    ]
    curation = one(*conversations, rules=replace(RULES, max_examples=2))
    assert [example.reply.split()[0] for example in curation.examples] == ["Praised", "Solved"]
    assert curation.dropped == {"over_limit": 1}


def test_rules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InvalidInput, match="min_words"):
        CurationRules(min_words=0)
    with pytest.raises(InvalidInput, match="validation_share"):
        CurationRules(validation_share=1.0)


def test_nothing_gives_nothing() -> None:
    assert one().examples == ()
