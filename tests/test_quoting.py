"""Quotes out of passages, in English and Chinese."""

from __future__ import annotations

from typing import cast

from assistant.quoting import quote
from retrieval.documents import Hit, Passage
from retrieval.embed import Embedder
from tests.indexing import HashEmbedder

LONG = "我们的门店位于都柏林。" * 20 + "礼品卡自购买之日起五年内有效，不能兑换现金。" + "我们每天早上九点开门。" * 10


def quoted(question: str, text: str, language: str | None = None) -> tuple[str, str | None]:
    passage = Passage("a#0", "a", "A", "kb", text, language=language)
    found = quote(question, [Hit(passage, 1.0)], cast(Embedder, HashEmbedder()))
    assert found.text in text and found.citation.quote == found.text
    return found.text, found.language


def test_a_short_passage_is_quoted_whole() -> None:
    assert quoted("多久？", "五年内有效。") == ("五年内有效。", "zh")


def test_of_a_long_chinese_passage_the_stretch_with_the_words_asked_for_is_quoted() -> None:
    text, _ = quoted("禮品卡多久有效？", LONG)
    assert "礼品卡自购买之日起五年内有效" in text
    assert len(text) < 200


def test_the_language_is_the_passages_own_or_that_of_its_words() -> None:
    assert quoted("q", "Gift cards are valid for five years.")[1] == "en"
    assert quoted("q", "Gift cards", "en-GB")[1] == "en"
