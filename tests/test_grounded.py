"""Training keeps answering from passages: questions of the knowledge base, and samples where it has too few."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from assistant.claims import read
from assistant.settings import load_settings
from retrieval.documents import Hit, Passage, SearchResult
from retrieval.search import Retriever
from training.examples import Example
from training.grounded import (
    LONGEST,
    grounded_examples,
    grounded_reply,
    of_knowledge,
    of_samples,
    opening,
    with_replies,
)
from training.grounded_samples import SAMPLES

FAQ = Passage("faq#0", "faq", "FAQ", "shop", "Returns are free for 30 days.", question="Can I return a lamp?")
CARE = Passage("care#0", "care", "Care", "shop", "Water the fern twice a week.", heading_path=("Plants", "Ferns"))
CHINESE = Passage("zh#0", "zh", "退货", "shop", "三十天内可以免费退货。", question="可以退货吗？")
LONG = Passage("long#0", "long", "Terms", "shop", "word " * 100, question="What are the terms?")
BARE = Passage("bare#0", "bare", "", "shop", "Nobody knows what this text is about.")


class Finds:
    """A retriever over a few passages that finds the given one for every question."""

    def __init__(self, passages: Sequence[Passage], found: Passage) -> None:
        self.index = SimpleNamespace(passages=passages)
        self.found = found

    def search_many(self, queries: Sequence[str], k: int, *conversations: object) -> list[SearchResult]:
        return [SearchResult(query, (Hit(self.found, 1.0),) * k, 0.9) for query in queries]


def asked(passages: Sequence[Passage], found: Passage = CARE, languages: Sequence[str] = ("en",)) -> list[Example]:
    settings = load_settings(prompt_passages=2, model_languages=list(languages))
    return of_knowledge(cast(Retriever, Finds(passages, found)), settings, 10, seed=1)


def test_an_faq_entry_is_answered_by_its_approved_answer_beside_what_else_would_be_found() -> None:
    (made,) = asked([FAQ])
    assert (made.messages[-1].content, made.reply) == ("Can I return a lamp?", "Returns are free for 30 days.")
    assert made.passages == (FAQ, CARE) and made.kind == "grounded" and made.split == "train"


def test_a_heading_becomes_a_question_and_its_reply_is_left_to_the_base_model() -> None:
    (made,) = asked([CARE])
    assert "Ferns" in made.messages[-1].content and made.reply == ""
    assert made.passages == (CARE, CARE)[: len(made.passages)]


def test_only_what_can_be_asked_in_a_language_of_the_model_is_taken() -> None:
    everything = [FAQ, CARE, CHINESE, LONG, BARE]
    assert {e.passages[0].id for e in asked(everything)} == {"faq#0", "care#0"}
    assert [e.language for e in asked([CHINESE], languages=["en", "zh"])] == ["zh"]


def test_a_reply_keeps_what_the_passages_support_and_falls_back_to_the_passage() -> None:
    (made,) = asked([CARE])
    said = "Water the fern twice a week. It costs 30 euros."
    assert grounded_reply(said, made) == "Water the fern twice a week."
    assert grounded_reply("It likes shade and 40 degrees.", made) == "Water the fern twice a week."


def test_the_base_model_is_asked_only_for_missing_replies() -> None:
    calls: list[list[str]] = []

    def replies(bare: Sequence[Example]) -> list[str]:
        calls.append([example.id for example in bare])
        return ["Twice a week, water the fern."] * len(bare)

    made = with_replies(asked([FAQ, CARE]), replies)
    assert calls == [["grounded-care#0"]]
    assert {e.id: e.reply for e in made} == {
        "grounded-faq#0": "Returns are free for 30 days.",
        "grounded-care#0": "Twice a week, water the fern.",
    }


def test_an_opening_is_whole_sentences() -> None:
    assert opening("One thing is clear. " + "word " * 80 + ". Another thing.") == "One thing is clear."
    assert opening("word " * (LONGEST + 1)) == "" == opening("Yes.")
    assert opening("三十天内可以免费退货。") == "三十天内可以免费退货。"


def test_without_a_knowledge_base_samples_stand_in(tmp_path: Path) -> None:
    made = grounded_examples(load_settings(tmp_path), 5, seed=2)
    assert len(made) == 5 and made == grounded_examples(load_settings(tmp_path), 5, seed=2)
    assert all(len(example.passages) == 2 for example in made)
    assert grounded_examples(load_settings(tmp_path), 0, seed=2) == []


def test_samples_say_nothing_that_their_passage_does_not() -> None:
    made = of_samples(len(SAMPLES), seed=1)
    assert len({example.messages[-1].content for example in made}) == len(SAMPLES)
    for sample in SAMPLES:
        told = read(f"{sample.title} {sample.text} {sample.question}")
        said = read(sample.reply)
        assert said.facts <= told.facts, sample
        assert len(said.words & told.words) >= 0.6 * len(said.words), sample
