from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.engines import ChatMessage
from assistant.privacy import KINDS, PLACEHOLDER
from tests.tuning_data import example
from training.surrogates import with_surrogates


def said(conversation: str, question: str, reply: str) -> tuple[str, str]:
    made = replace(example(1), conversation_id=conversation, messages=(ChatMessage("user", question),), reply=reply)
    filled = with_surrogates(made)
    return filled.messages[0].content, filled.reply


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_placeholder_is_filled(kind: str) -> None:
    question, _ = said("c1", f"It is [{kind}_1].", "Thank you.")
    assert not PLACEHOLDER.search(question)
    assert question.startswith("It is ") and len(question) > len("It is .")


def test_one_placeholder_is_one_value_in_its_conversation() -> None:
    question, reply = said("c1", "Order [ORDER_1], not [ORDER_2]", "[ORDER_1] is on its way.")
    first = reply.split()[0]
    assert first in question
    assert question.count(first) == 1
    assert said("c1", "[ORDER_1]", "") == (first, "")  # later turns of the conversation say the same
    assert said("c2", "[ORDER_1]", "")[0] != first


def test_a_text_without_placeholders_stays_as_it_is() -> None:
    assert with_surrogates(example(1)) == example(1)
