"""What a question may be about when it names none of several things."""

from __future__ import annotations

import pytest

from assistant.ambiguity import label, things_meant
from assistant.conflicts import conflict
from assistant.policy import as_chosen
from retrieval.documents import Hit, Passage, SearchResult


def account(name: str, text: str, heading: str = "Daily withdrawal limit") -> Passage:
    return Passage(f"{name}#0", name, f"{name} account", "bank", text, heading_path=(heading,))


BLUE = account("Blue", "The card has a daily withdrawal limit of 500 dollars in 24 hours.")
RED = account("Red", "The red card's daily withdrawal limit: 1,000 dollars in 24 hours, which you can change.")
ASKED = "What is the daily withdrawal limit?"


def found(*passages: Passage, step: float = 0.02) -> SearchResult:
    hits = tuple(Hit(passage, 1.0 - step * place) for place, passage in enumerate(passages))
    return SearchResult("?", hits, 0.9)


def test_one_question_with_other_figures_for_several_is_asked_back() -> None:
    assert things_meant(found(BLUE, RED), ASKED) == (
        "Blue account: Daily withdrawal limit",
        "Red account: Daily withdrawal limit",
    )


def test_what_was_asked_back_so_can_be_chosen() -> None:
    chosen = as_chosen(found(BLUE, RED), label(RED), most=2)
    assert [hit.passage for hit in chosen.hits] == [RED, BLUE] and chosen.evidence == 1.0


@pytest.mark.parametrize(
    ("asked", "hits"),
    [
        ("What is the daily withdrawal limit of the red card?", found(RED, BLUE)),  # names it
        ("How can I change the daily withdrawal limit?", found(RED, BLUE)),  # asks for no figure
        (ASKED, found(BLUE, account("Green", "A daily withdrawal limit of 500 dollars in 24 hours."))),  # the same
        (ASKED, found(BLUE, account("Green", "The withdrawal limit is 300 dollars.", "Limits"))),  # of what else?
        (ASKED, found(BLUE, RED, step=0.2)),  # one leads by far
        (ASKED, found(BLUE)),
        ("How much does it cost?", found(BLUE, RED)),  # of what?
        (ASKED, found(account("Grey", "The daily withdrawal limit is explained here."), BLUE, RED)),
    ],
)
def test_a_clear_question_is_not_asked_back(asked: str, hits: SearchResult) -> None:
    assert len(things_meant(hits, asked)) < 2


def test_two_versions_of_one_statement_are_a_conflict_and_no_choice() -> None:
    older = Passage("old#0", "old", "Limits", "bank", "The daily withdrawal limit is 400 dollars.")
    newer = Passage("new#0", "new", "Limits", "bank", "The daily withdrawal limit is 600 dollars.")
    assert conflict(ASKED, found(older, newer).hits) is not None
    assert things_meant(found(older, newer), ASKED) == ()
