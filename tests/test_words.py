"""The words of the web chat are complete, filled in the same way, and truly in their language."""

from __future__ import annotations

import re
from dataclasses import asdict, fields

import pytest

from ui.words import WORDS, Words

_CHINESE = re.compile("[㐀-鿿]")


@pytest.mark.parametrize("name", [field.name for field in fields(Words)])
def test_every_word_has_the_same_blanks_in_every_language(name: str) -> None:
    blanks = {frozenset(re.findall(r"\{(\w+)\}", getattr(words, name))) for words in WORDS.values()}
    assert len(blanks) == 1


@pytest.mark.parametrize("code", WORDS)
def test_no_word_is_empty(code: str) -> None:
    assert [name for name, text in asdict(WORDS[code]).items() if not text.strip()] == []


def test_chinese_words_are_chinese_and_english_ones_are_not() -> None:
    assert [n for n, text in asdict(WORDS["zh"]).items() if not _CHINESE.search(text)] == []
    assert [n for n, text in asdict(WORDS["en"]).items() if _CHINESE.search(text)] == []


def test_nobody_is_told_that_an_error_occurred() -> None:
    told = " ".join(text for words in WORDS.values() for text in asdict(words).values()).lower()
    assert not re.search(r"error occurred|oops|发生错误", told)
