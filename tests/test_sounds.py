"""Words that sound alike get the same code, or nearly so."""

from __future__ import annotations

import pytest

from retrieval.sounds import sound, spoken_words


@pytest.mark.parametrize(
    ("one", "other"),
    [("zelos", "zealous"), ("knox", "nox"), ("sutro", "sootro"), ("philly", "filly"), ("cotogna", "kotogna")],
)
def test_words_that_sound_alike_have_one_code(one: str, other: str) -> None:
    assert sound(one) == sound(other)


def test_words_that_sound_differently_keep_apart() -> None:
    assert sound("orchard") != sound("argonaut")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Pier 39", ["pier", "thirty", "nine"]),
        ("Sons & Daughters", ["sons", "and", "daughters"]),
        ("The Melt - 455 Market", ["the", "melt", "four", "fifty", "five", "market"]),
        ("Pho 2000", ["pho", "two", "thousand"]),
        ("Café Zuñi", ["cafe", "zuni"]),
        ("全聚德", ["全", "聚", "德"]),
        ("room 100200", ["room", "100200"]),
    ],
)
def test_a_text_is_read_as_it_is_said(text: str, words: list[str]) -> None:
    assert spoken_words(text) == words
