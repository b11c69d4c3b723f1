"""What an example holds: masked texts, limited history, the passages, and one split for good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retrieval.documents import Passage
from tests.curation_data import ANSWER, QUESTION, RULES, logged, one
from training.masked_examples import split_of


def test_everything_is_masked_alike_and_unknown_names_are_dropped() -> None:
    conversation = logged(
        1,
        ("customer", "I'm Rosa Diaz, rosa@example.org, order #AB-12345. Where is it?"),
        ("person", "Hi Rosa, order AB-12345 is on its way to you. We wrote to rosa@example.org. ^Ben"),
        names=("Rosa Diaz", "Ben Ode"),
    )
    (example,) = one(conversation).examples
    assert example.messages[0].content == "I'm [NAME_1], [EMAIL_1], order #[ORDER_1]. Where is it?"
    assert example.reply == "Hi, order [ORDER_1] is on its way to you. We wrote to [EMAIL_1]."


def test_a_reply_with_data_nobody_gave_is_dropped_unless_the_company_keeps_it() -> None:
    conversation = logged(1, ("customer", QUESTION), ("person", "Please call +1 800 555 0100 for shipping questions."))
    assert one(conversation).dropped == {"personal_data": 1}
    kept = one(conversation, rules=replace(RULES, keep=("1-800-555-0100", "+1 800 555 0100")))
    assert kept.examples[0].reply.startswith("Please call +1 800 555 0100")


def test_history_is_limited_and_starts_with_the_customer() -> None:
    talk = [
        m
        for n in range(10)
        for m in (("customer", f"Question number {n} about lamps"), ("person", f"Answer number {n} about lamps"))
    ]
    rules = replace(RULES, history_messages=4, per_conversation=20, similarity=0.95, same_reply=20)
    for example in one(logged(1, *talk), rules=rules).examples:  # type: ignore[arg-type]
        assert 1 <= len(example.messages) <= 4
        assert (example.messages[0].role, example.messages[-1].role) == ("user", "user")
        assert len(example.message_ids) == len(example.messages) + 1


def test_a_conversation_is_in_one_split_always_the_same() -> None:
    keys = [f"desk/{n}" for n in range(4000)]
    validation = [key for key in keys if split_of(key, 0.1) == "validation"]
    assert 320 < len(validation) < 480
    assert set(validation) == {key for key in keys if split_of(key, 0.1) == "validation"}
    assert set(validation) < {key for key in keys if split_of(key, 0.2) == "validation"}


def test_ids_do_not_depend_on_the_store_and_passages_come_along() -> None:
    passage = Passage("d#0", "d", "Shipping", "kb", "We ship everywhere.")
    conversation = logged(1, ("customer", QUESTION), ("person", ANSWER))
    first = one(conversation, passages_of={"1.1": (passage,)}.__getitem__).examples[0]
    second = one(replace(conversation, id="another-store")).examples[0]
    assert first.passages == (passage,)
    assert (first.id, first.split) == (second.id, second.split)


def test_what_a_reply_was_written_from_comes_along_and_its_names_are_not_masked() -> None:
    passage = Passage("d#0", "d", "", "given", "Maria Keller runs the kitchen.", entity="Acorn House")
    conversation = logged(1, ("customer", "Who cooks at your place?"), ("person", "Our cook is called Maria Keller."))
    assert "Maria" not in one(conversation).examples[0].reply
    messages = (conversation.messages[0], replace(conversation.messages[1], passages=(passage,)))
    example = one(replace(conversation, messages=messages)).examples[0]
    assert example.passages == (passage,)
    assert example.reply == "Our cook is called Maria Keller."


@pytest.mark.parametrize(("told", "language"), [("pt_BR", "pt"), ("DE", "de"), ("English", "en"), (None, "en")])
def test_the_language_is_the_one_told_if_it_is_a_code(told: str | None, language: str) -> None:
    assert one(logged(1, ("customer", QUESTION), ("person", ANSWER), language=told)).examples[0].language == language
