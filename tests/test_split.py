"""Documents to passages: structure first, then length, at sentence borders, nothing lost."""

from __future__ import annotations

import itertools
import re

import pytest

from retrieval.documents import Document, Passage, Section
from retrieval.split import sentences, split


def words(text: str) -> int:
    """Tokens of the tests: words, and each Chinese character."""
    return len(re.findall(r"[一-鿿]|[^\s一-鿿]+", text))


def document(*sections: Section, **fields: object) -> Document:
    return Document(id="d", title="Title", source="s", path="d.md", sections=sections, **fields)  # type: ignore[arg-type]


def numbered(count: int, length: int = 10) -> str:
    return " ".join(f"Sentence {n} has {' '.join(['word'] * (length - 4))} here." for n in range(count))


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_each_section_is_a_passage_with_its_headings_and_page() -> None:
    passages = split(document(Section("One.", ("A", "B"), 3), Section("Two.", ("C",), 4), Section(" \n")), words)
    assert [(p.id, p.text, p.heading_path, p.page) for p in passages] == [
        ("d#0", "One.", ("A", "B"), 3),
        ("d#1", "Two.", ("C",), 4),
    ]
    assert {(p.document_id, p.title, p.source, p.path) for p in passages} == {("d", "Title", "s", "d.md")}


def test_a_faq_row_is_one_passage_that_keeps_what_the_row_says() -> None:
    row = Document(
        id="7",
        title="How?",
        source="s",
        path="f.csv",
        question="How?",
        answers=("So.", "Or so."),
        row=9,
        url="https://x.example",
        entity="Inn",
        language="en",
        tags=("a",),
    )
    (passage,) = split(row, words)
    assert passage == Passage(
        id="7#0",
        document_id="7",
        title="How?",
        source="s",
        text="So.\n\nOr so.",
        path="f.csv",
        row=9,
        url="https://x.example",
        question="How?",
        entity="Inn",
        language="en",
        tags=("a",),
    )


def test_a_long_answer_is_cut_and_every_part_keeps_the_question() -> None:
    row = Document(id="7", title="How?", source="s", path="f", question="How?", answers=(numbered(60),))
    passages = split(row, words, 220)
    assert len(passages) > 2
    assert {p.question for p in passages} == {"How?"}
    assert [p.id for p in passages] == [f"7#{n}" for n in range(len(passages))]


@pytest.mark.parametrize("budget", [70, 100, 220])
def test_passages_fit_the_budget_and_lose_no_sentence(budget: int) -> None:
    text = "\n\n".join(numbered(count) for count in (3, 25, 1, 40, 2))
    passages = split(document(Section(text, ("A heading",))), words, budget)
    for p in passages:
        assert words(p.text) + words("Title > A heading") <= budget
        assert p.text in text
        assert p.text.endswith(".")
    found = {s for p in passages for s in sentences(p.text)}
    assert found == set(sentences(text))


def test_parts_of_a_long_paragraph_overlap_by_a_sentence() -> None:
    passages = split(document(Section(numbered(40))), words, 100)
    for before, after in itertools.pairwise(passages):
        assert sentences(after.text)[0] == sentences(before.text)[-1]


def test_a_paragraph_that_fits_is_not_torn() -> None:
    first, second = numbered(12), numbered(10, 12)
    passages = split(document(Section(f"{first}\n\n{second}")), words, 200)
    assert [p.text for p in passages] == [first, second]


def test_chinese_is_cut_at_its_own_full_stops() -> None:
    text = "".join(f"第{n}条规定说明客户可以在三十天之内退货并且全额退款。" for n in range(30))
    passages = split(document(Section(text)), words, 100)
    assert len(passages) > 5
    assert all(p.text.endswith("。") and words(p.text) <= 100 for p in passages)


@pytest.mark.parametrize("text", ["x" * 5000, "word " * 3000, "无标点文字" * 500, "a,b;" * 2000])
def test_text_without_sentences_is_cut_within_the_budget_and_complete(text: str) -> None:
    def count(t: str) -> int:
        return max(words(t), len(t) // 4)

    passages = split(document(Section(text)), count, 100)
    assert all(count(p.text) <= 100 for p in passages)
    assert squeezed("".join(p.text for p in passages)) == squeezed(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four… Five", ["One.", "Two!", "Three?", "Four…", "Five"]),
        ("Mr. Li paid $3.50 at 9 a.m. today. Fine.", ["Mr. Li paid $3.50 at 9 a.m. today.", "Fine."]),
        ('He said "Go." Then left.', ['He said "Go."', "Then left."]),
        ("您好！请问？“可以。”好的", ["您好！", "请问？", "“可以。”", "好的"]),
        ("1. Open it.\n2. Close it.", ["1. Open it.", "2. Close it."]),
        ("See e.g. the U.S. site, etc. for more.", ["See e.g. the U.S. site, etc. for more."]),
        ("line one\nline two", ["line one", "line two"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_very_long_title_still_leaves_room_for_text() -> None:
    long = Document(id="d", title="word " * 400, source="s", path="p", sections=(Section(numbered(30)),))
    assert all(words(p.text) <= 64 for p in split(long, words, 220))
