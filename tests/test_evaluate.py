"""Evaluation answers every case through the serving renderer and averages honestly; reports show regressions first."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from assistant.engines import ChatMessage
from assistant.phrases import phrases
from assistant.prompt import render
from assistant.settings import load_settings
from assistant.turn import Assistant
from retrieval.embed import Embedder
from tests.fakes import FakeEmbedder, FakeEngine
from tests.tuning_data import passage
from training.cases import Case
from training.evaluate import ModelAnswerer, Scorecard, TurnAnswerer, evaluate, invents
from training.report import compare, html, markdown

EMBEDDER = cast(Embedder, FakeEmbedder())
UNKNOWN = phrases("en").dont_know
CASES = [
    Case(
        "a", (ChatMessage("user", "Is the view nice?"),), "Guests praise the view.", (passage("The view is lovely."),)
    ),
    Case("b", (ChatMessage("user", "Where are you?"),), "We fly from Berlin."),
    Case("c", (ChatMessage("user", "Any pool?"),), UNKNOWN, (passage("Breakfast is at eight."),), unanswerable=True),
]


def card_of(replies: list[str], name: str = "base") -> Scorecard:
    import asyncio

    engine = FakeEngine(list(replies))
    answerer = ModelAnswerer(engine, EMBEDDER, load_settings(company="Lantern"))
    return asyncio.run(evaluate(answerer, CASES, EMBEDDER, adapter=name, perplexity=12.0))


async def test_prompts_are_those_of_serving() -> None:
    engine = FakeEngine(["one", "two", "three"])
    done: list[int] = []
    answerer = ModelAnswerer(engine, EMBEDDER, load_settings(company="Lantern"))
    await evaluate(answerer, CASES, EMBEDDER, adapter="base", progress=done.append)
    assert engine.prompts == [render(case.messages, case.hits, "Lantern", "en") for case in CASES]
    assert engine.running == 0
    assert done == [1, 2, 3]


def test_a_scorecard_averages_all_cases() -> None:
    card = card_of(["Guests praise the view.", "We fly from Berlin.", UNKNOWN])
    assert (card.rouge1, card.rougeL, card.n) == (1.0, 1.0, 3)
    assert card.bleu == pytest.approx(100) and card.chrf == pytest.approx(100)
    assert card.similarity == pytest.approx(1.0, abs=1e-5)
    assert card.invention == 0.0
    assert card.groundedness == 0.5  # "Guests praise" stands in no passage; "I don't know" states nothing
    assert card.intervals["rouge1"].low == 1.0
    told = card.to_dict()
    assert told["perplexity"] == 12.0
    named = "adapter n rouge1 rouge2 rougeL bleu chrf similarity groundedness perplexity latency_ms intervals"
    assert list(told) == named.split()  # the contract's keys and no other
    assert told["intervals"]["invention"]["mean"] == 0.0 and told["intervals"]["words"]["mean"] > 0
    assert set(told["latency_ms"]) == {"p50", "p95"}


def test_invention_is_any_statement_beyond_not_knowing() -> None:
    case = CASES[2]
    assert not invents(case, UNKNOWN)
    assert not invents(case, "I'm sorry, I don't have information about that.")
    assert invents(case, "Yes, the pool opens at nine.")
    assert invents(case, UNKNOWN + " The pool opens at nine.")


def test_an_empty_reply_scores_nothing() -> None:
    card = card_of(["", "", ""])
    assert card.rouge1 == 0 and card.words == 0


async def test_the_whole_turn_can_be_evaluated() -> None:
    from tests.fakes import fake_retriever

    engine = FakeEngine(["The view is lovely.", "ignored"])
    assistant = Assistant(
        store=cast(object, None),  # type: ignore[arg-type]
        retriever=fake_retriever([], 0.0),
        engine=engine,
        settings=load_settings(company="Lantern"),
    )
    card = await evaluate(TurnAnswerer(assistant), CASES[:2], EMBEDDER, adapter="base")
    assert [case.reply for case in card.cases] == ["The view is lovely.", UNKNOWN]
    assert card.invention is None


def test_a_report_shows_the_worst_regression_first() -> None:
    before = card_of(["Guests praise the view.", "<b>no</b>", "Yes!"])
    after = card_of(["I have no idea.", "We fly from Berlin.", UNKNOWN], "tuned")
    comparison = compare(before, after)
    assert next(new.id for _, new in comparison.pairs) == "a"
    assert comparison.differences["rougeL"].mean == pytest.approx(after.rougeL - before.rougeL)
    text, page = markdown(comparison), html(comparison)
    assert text.index("Worst regressions") < text.index("`a`") < text.index("Most improved") < text.index("`b`")
    assert "| rougeL |" in text and "| perplexity | 12.00 | 12.00 |" in text
    assert "<b>no</b>" not in page and "&lt;b&gt;no&lt;/b&gt;" in page
    assert "http" not in page


def test_scorecards_of_different_cases_are_not_compared() -> None:
    card = card_of(["x", "y", "z"])
    with pytest.raises(ValueError, match="different cases"):
        compare(card, replace(card, cases=card.cases[:2]))
