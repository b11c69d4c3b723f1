"""The desk speaks both languages, word for word, and its scripts use no word that is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ui.desk_words import CHINESE, DESK_WORDS, ENGLISH, language_of_browser

SCRIPTS = sorted((Path(__file__).parents[1] / "ui" / "static").glob("desk_*.js"))


def test_both_languages_have_the_same_words() -> None:
    assert list(ENGLISH) == list(CHINESE)
    for key, english in ENGLISH.items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", CHINESE[key])), key


def test_the_scripts_use_only_words_there_are() -> None:
    used = {word for file in SCRIPTS for word in re.findall(r"""\bsay\("(\w+)\"""", file.read_text("utf-8"))}
    assert len(used) > 50
    assert used <= set(ENGLISH)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("fr-FR, en-GB;q=0.7", "en"), ("", "en"), ("de", "en")],
)
def test_the_browser_chooses(accepted: str, language: str) -> None:
    assert language_of_browser(accepted) == language
    assert language in DESK_WORDS
