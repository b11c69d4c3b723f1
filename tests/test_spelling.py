"""Misspelt words of questions, mended by the words of the knowledge base."""

from __future__ import annotations

import pytest

from retrieval.lexical import LexicalIndex
from retrieval.spelling import Speller

TEXTS = (
    "You can return a lamp within 30 days of delivery.",
    "We send a new password link; deliveries to Ireland take 2 days.",
    "Poles and polos are kept in the store.",
)
ENGLISH = frozenset("hire cup lamb retain how long can i the damp palace".split())


def tokens(word: str) -> int:
    """An embedder knows the words of the language, and those of the texts."""
    return 1 if word.lower() in ENGLISH else 2


@pytest.fixture(scope="module")
def speller() -> Speller:
    return Speller(LexicalIndex.build(TEXTS), TEXTS.__getitem__, tokens)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("How long can I retrun a lmap?", "How long can I return a lamp?"),
        ("Forgot my pasword!", "Forgot my password!"),
        ("is delivry free", "is delivery free"),
        ("returning a lamp", "returning a lamp"),
    ],
)
def test_slips_are_mended_and_the_rest_stands(speller: Speller, asked: str, meant: str) -> None:
    assert speller.mend(asked) == meant


@pytest.mark.parametrize("asked", ["lamb", "damp", "LMAP", "IKEA", "poltergeist", "pol0s", "灯 lamp", "polas"])
def test_words_of_the_language_names_and_what_may_be_two_things_stand(speller: Speller, asked: str) -> None:
    assert speller.mend(asked) == asked


def test_a_word_is_known_though_the_first_passages_inflect_it() -> None:
    """Passages say "returns" and "lamps"; the customer's "retrun" and "lmap" are still one slip away."""
    texts = ("Returns of lamps are free of charge.", "Some lamps may be returned late.")
    speller = Speller(LexicalIndex.build(texts), texts.__getitem__, tokens)
    assert speller.mend("How long can I retrun a lmap?") == "How long can I returns a lamps?"


def test_another_word_of_as_many_letters_or_with_a_like_stem_stands() -> None:
    texts = ("We deliver later, or rest for a while.", "Your parcel contains a lamp.")
    speller = Speller(LexicalIndex.build(texts), texts.__getitem__, lambda word: 2)
    for asked in ("Do you have lager?", "a Riesling", "Can I constrain it?"):
        assert speller.mend(asked) == asked


def test_the_nearest_spelling_of_several_passages_is_taken() -> None:
    texts = ("Returns are free of charge.", "You can return a lamp.")
    speller = Speller(LexicalIndex.build(texts), texts.__getitem__, tokens)
    assert speller.mend("retrun") == "return"


def test_without_passages_nothing_is_mended() -> None:
    assert Speller(LexicalIndex.build([]), TEXTS.__getitem__, tokens).mend("retrun") == "retrun"
