"""The course of a turn, by evidence and by what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.engines import ChatMessage
from assistant.phrases import clarification
from assistant.policy import as_chosen, decide, options
from assistant.settings import load_settings
from assistant.understand import understand
from retrieval.documents import Hit, Passage, SearchResult

PASSAGES = [
    Passage("a#0", "a", "Delivery", "s", "Five days.", heading_path=("Delivery", "France")),
    Passage("b#0", "b", "Delivery", "s", "Six days.", heading_path=("Delivery", "Spain")),
    Passage("c#0", "c", "FAQ", "s", "No.", question="Is parking free?", entity="Hotel Lark"),
]


def found(evidence: float, passages: list[Passage] = PASSAGES) -> SearchResult:
    return SearchResult("q", tuple(Hit(p, 1.0) for p in passages), evidence)


@pytest.mark.parametrize(
    ("text", "evidence", "action", "reason"),
    [
        ("How long does delivery to France take?", 0.9, "answer", "evidence"),
        ("Do you deliver to us?", 0.9, "answer", "evidence"),
        ("How long does delivery take?", 1.0, "answer", "evidence"),  # passages were given
        ("How long does delivery take?", 0.9, "clarify", "several_subjects"),
        ("How long does delivery take?", 0.4, "clarify", "several_meanings"),
        ("How long does delivery take?", 0.1, "hand_over", "thin_evidence"),
        ("hello", 0.9, "small_talk", "greeting"),
        ("talk to a person", 0.9, "hand_over", "asked_for_person"),
    ],
)
def test_the_decision_follows_evidence_and_wish(
    tmp_path: Path, text: str, evidence: float, action: str, reason: str
) -> None:
    decision = decide(understand([ChatMessage("user", text)]), found(evidence), load_settings(tmp_path))
    assert (decision.action, decision.reason) == (action, reason)


def test_a_single_meaning_is_asked_back_too(tmp_path: Path) -> None:
    """Even where it shares no word with the question: the evidence speaks of the first hit."""
    decision = decide(understand([ChatMessage("user", "how long?")]), found(0.4, PASSAGES[:1]), load_settings(tmp_path))
    assert (decision.action, decision.reason, decision.options) == ("clarify", "one_meaning", ("France",))


@pytest.mark.parametrize(("text", "passages"), [("no", PASSAGES[:1]), ("How long does delivery take?", PASSAGES)])
def test_the_same_is_not_asked_twice(tmp_path: Path, text: str, passages: list[Passage]) -> None:
    question, settings = ChatMessage("user", "How long does delivery take?"), load_settings(tmp_path)
    first = decide(understand([question]), found(0.4, passages), settings)
    back = ChatMessage("assistant", clarification("en", first.options))
    again = decide(understand([question, back, ChatMessage("user", text)]), found(0.4, passages), settings)
    assert (first.action, again.action) == ("clarify", "hand_over")


def test_which_of_several_is_asked_once(tmp_path: Path) -> None:
    question, settings = ChatMessage("user", "How long does delivery take?"), load_settings(tmp_path)
    first = decide(understand([question]), found(0.9), settings)
    back = ChatMessage("assistant", clarification("en", first.options))
    assert first.options == ("Delivery: France", "Delivery: Spain")
    assert decide(understand([question, back, question]), found(0.9), settings).action == "answer"


def test_without_a_hit_nothing_is_asked_back(tmp_path: Path) -> None:
    decision = decide(understand([ChatMessage("user", "how long?")]), found(0.4, []), load_settings(tmp_path))
    assert decision.action == "hand_over"


def parking(*hotels: tuple[str, str, float]) -> SearchResult:
    """The same question answered for several hotels."""
    hits = [
        Hit(Passage(f"{name}#0", name, "FAQ", "s", text, question=f"Is parking free at {name}?", entity=name), score)
        for name, text, score in hotels
    ]
    return SearchResult("q", tuple(hits), 0.9)


@pytest.mark.parametrize(
    ("hotels", "asked_back"),
    [
        ((("Lark", "No.", 0.81), ("Finch", "Yes.", 0.8), ("Wren", "Yes.", 0.6)), ("Lark", "Finch")),
        ((("Lark", "Yes.", 0.81), ("Finch", "Yes.", 0.8)), ()),
        ((("Lark", "No.", 1.5), ("Finch", "Yes.", 0.8)), ()),
        ((("Lark", "No.", 0.8),), ()),
    ],
)
def test_what_is_answered_of_several_things_and_not_alike_is_asked_back(
    tmp_path: Path, hotels: tuple[tuple[str, str, float], ...], asked_back: tuple[str, ...]
) -> None:
    decision = decide(understand([ChatMessage("user", "Is parking free?")]), parking(*hotels), load_settings(tmp_path))
    assert decision.options == asked_back
    assert decision.action == ("clarify" if asked_back else "answer")


def test_options_name_what_the_hits_are_about() -> None:
    question = "Free delivery?"
    assert options(found(0.4), question) == ("France", "Spain", "Hotel Lark: Is parking free?")


def test_only_the_first_hit_is_an_option_without_a_word_of_the_question() -> None:
    assert options(found(0.4), "Is the parking at night guarded?") == ("France", "Hotel Lark: Is parking free?")


def test_what_the_customer_chose_comes_first_and_is_answered(tmp_path: Path) -> None:
    back = ChatMessage("assistant", clarification("en", ("France", "Hotel Lark: Is parking free?")))
    understood = understand([ChatMessage("user", "and there?"), back, ChatMessage("user", "the second")])
    assert understood.chosen is not None
    first = as_chosen(found(0.1), understood.chosen, most=2)
    assert [hit.passage.id for hit in first.hits] == ["c#0", "a#0"] and first.evidence == 1.0
    assert decide(understood, first, load_settings(tmp_path)).action == "answer"


def test_yes_to_several_is_asked_which_once(tmp_path: Path) -> None:
    settings, several = load_settings(tmp_path), ("France", "Spain")
    asked, yes = ChatMessage("user", "Do you deliver there?"), ChatMessage("user", "yes")
    back = ChatMessage("assistant", clarification("en", several))
    decision = decide(understand([asked, back, yes]), found(0.0), settings)
    assert (decision.action, decision.reason, decision.options) == ("clarify", "left_open", several)
    again = ChatMessage("assistant", clarification("en", several, again=True))
    assert decide(understand([asked, back, yes, again, yes]), found(0.0), settings).reason == "thin_evidence"


def test_a_choice_that_was_not_found_is_weighed_like_any_question() -> None:
    assert as_chosen(found(0.1), "Opening hours", most=3) == found(0.1)
