"""The one rendering of conversations for serving and training."""

from __future__ import annotations

from assistant.engines import ChatMessage
from assistant.prompt import passage_text, render
from retrieval.documents import Hit, Passage

FAQ = Passage("f#0", "f", "faq.csv", "s", "Yes, for free.", question="Do you gift-wrap?", entity="Lantern Shop")
PAGE = Passage("p#0", "p", "Care", "s", "Water weekly.", heading_path=("Care", "Ferns"))


def test_passages_stand_with_the_question_and_the_system_message_is_stable() -> None:
    first = render([ChatMessage("user", "Is wrapping free?")], [Hit(FAQ, 1), Hit(PAGE, 0.5)], "L&L", "en")
    second = render([ChatMessage("user", "Ferns?")], [Hit(PAGE, 1)], "L&L", "en")
    assert [message.role for message in first] == ["system", "user"]
    assert first[0] == second[0] and "L&L" in first[0].content
    assert first[1].content == (
        "Information:\nLantern Shop: Do you gift-wrap?\nYes, for free.\n\nCare > Ferns\nWater weekly."
        "\n\nQuestion: Is wrapping free?"
    )


def test_without_passages_the_conversation_stands_alone() -> None:
    history = [ChatMessage("user", "hi"), ChatMessage("assistant", "hello"), ChatMessage("user", "late again")]
    rendered = render(history, [], "L&L", "en")
    assert rendered[1:] == history and "Information" not in rendered[-1].content


def test_a_chinese_conversation_asks_for_chinese() -> None:
    assert "Chinese" in render([ChatMessage("user", "你好")], [], "L&L", "zh")[0].content


def test_passage_text_prefers_the_question_then_the_headings() -> None:
    assert passage_text(FAQ).startswith("Lantern Shop: Do you gift-wrap?")
    assert passage_text(PAGE).startswith("Care > Ferns")
