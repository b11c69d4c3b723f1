"""Example questions come from the knowledge base, in the asked language, about different topics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from retrieval.documents import Passage
from retrieval.search import Retriever
from ui.suggestions import LONGEST, Examples, suggestions


def faq(number: int, question: str, *tags: str, language: str | None = None, entity: str | None = None) -> Passage:
    return Passage(
        f"faq{number}#0", f"faq{number}", question, "shop", "An answer.",
        question=question, tags=tags, language=language, entity=entity,
    )  # fmt: skip


def section(number: int, heading: str) -> Passage:
    return Passage(f"d{number}#0", f"d{number}", "Doc", "shop", "Text.", heading_path=("Doc", heading))


def test_one_question_of_each_topic_in_order() -> None:
    passages = [faq(1, "How to return?", "returns"), faq(2, "Refund when?", "returns"), faq(3, "Ship where?", "ship")]
    assert suggestions(passages, "en") == ("How to return?", "Ship where?")


def test_headings_stand_in_where_there_are_no_questions() -> None:
    passages = [faq(1, "How to return?", "returns"), section(2, "Delivery times"), section(3, "Warranty")]
    assert suggestions(passages, "en") == ("How to return?", "Delivery times", "Warranty")


def test_each_language_gets_its_own_by_label_or_by_script() -> None:
    passages = [faq(1, "How to return?", "a"), faq(2, "怎么退货？", "b"), faq(3, "Oui ou non?", "c", language="fr")]
    assert suggestions(passages, "en") == ("How to return?",)
    assert suggestions(passages, "zh") == ("怎么退货？",)


def test_questions_that_are_too_long_or_need_their_subject_are_left_out() -> None:
    passages = [faq(1, "x" * (LONGEST + 1), "a"), faq(2, "Is there parking?", "b", entity="Hotel A")]
    assert suggestions(passages, "en") == ()


def test_never_more_than_asked_for() -> None:
    assert len(suggestions([faq(n, f"Question {n}?", f"t{n}") for n in range(9)], "en")) == 3
    assert suggestions([], "en") == ()


@dataclass
class FakeIndex:
    version: str
    passages: list[Passage]


@dataclass
class Published:
    index: FakeIndex
    reads: list[str] = field(default_factory=list)


def test_examples_follow_a_newly_published_index() -> None:
    published = Published(FakeIndex("v1", [faq(1, "Old question?", "a")]))
    examples = Examples(cast(Retriever, published))
    assert examples.questions("en") == ("Old question?",)
    published.index = FakeIndex("v2", [faq(1, "New question?", "a")])
    assert examples.questions("en") == ("New question?",)
