"""The language of messages: short ones, mixed ones, Traditional Chinese, other scripts."""

from __future__ import annotations

import pytest

from assistant.language import language_of, language_of_last


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How long can I return a lamp?", "en"),
        ("退货", "zh"),
        ("iPhone 15 Pro Max 怎么退货", "zh"),
        ("請問寄到香港的運費是多少？", "zh"),
        ("What does 包邮 mean?", "en"),
        ("How much is the 支付宝 fee?", "en"),
        ("this one 多少钱？可以便宜吗", "zh"),
        ("返品したいのですが、どうすればいいですか", "ja"),
        ("반품하고 싶어요", "ko"),
        ("Как вернуть товар?", "ru"),
        ("كيف يمكنني إرجاع المنتج؟", "ar"),
        ("12345", "en"),
        ("", "en"),
    ],
)
def test_each_message_has_its_language(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("said", "language"),
    [
        (["怎么退货？", "ok"], "zh"),
        (["怎么退货？", "12345"], "zh"),
        (["怎么退货？", "How much is it?"], "en"),
        (["How much is it?", "好的"], "zh"),
        (["hello"], "en"),
        (["12345"], "en"),
    ],
)
def test_a_message_that_tells_nothing_goes_by_the_ones_before(said: list[str], language: str) -> None:
    assert language_of_last(said) == language
