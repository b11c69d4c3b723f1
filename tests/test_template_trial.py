from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.engines import ChatMessage
from assistant.settings import load_settings
from assistant.store import Store
from assistant.store_templates import Template, Wording, add_template
from assistant.turn import Assistant
from retrieval.documents import Passage
from tests.fakes import FakeEngine, fake_retriever
from training.cases import Case
from training.template_trial import TemplateTrial, try_templates

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RETURN = "How long can I return a lamp?"
PEOPLE_SAID = "You can return it within 30 days, and we pay the label."
POSTAGE = Passage("p#0", "p", "Stamps", "shop", "Letters need a stamp.", question="Do letters need a stamp?")


@pytest.fixture
def assistant(tmp_path: Path) -> Iterator[Assistant]:
    settings = load_settings(tmp_path)
    store = Store(settings.sqlalchemy_url)
    yield Assistant(store, fake_retriever([POSTAGE]), FakeEngine(["Letters need a stamp."] * 20), settings)
    store.close()


def template(assistant: Assistant, question: str, text: str) -> Template:
    made = add_template(assistant.store, Wording([question], text, "en"))
    assert made is not None
    return made


def asked(question: str, count: int) -> list[Case]:
    return [Case(f"{question} {i}", (ChatMessage("user", question),), PEOPLE_SAID) for i in range(count)]


async def tried(assistant: Assistant, made: Template, cases: list[Case]) -> TemplateTrial:
    (trial,) = await try_templates(assistant, [made], cases, NOW)
    return trial


async def test_a_template_that_says_what_people_said_is_better_than_a_reply_beside_the_point(
    assistant: Assistant,
) -> None:
    trial = await tried(assistant, template(assistant, RETURN, PEOPLE_SAID), asked(RETURN, 6))
    assert (trial.verdict, trial.questions) == ("better", 6)
    assert trial.rouge_l is not None and trial.rouge_l.low > 0.5


async def test_a_template_beside_the_point_is_worse_than_the_right_passage(assistant: Assistant) -> None:
    cases = [Case(str(i), (ChatMessage("user", RETURN),), "Letters need a stamp.") for i in range(6)]
    assert (await tried(assistant, template(assistant, RETURN, "Good morning."), cases)).verdict == "worse"


async def test_few_questions_judge_nothing_and_others_are_not_asked(assistant: Assistant) -> None:
    made = template(assistant, RETURN, PEOPLE_SAID)
    assert (await tried(assistant, made, asked(RETURN, 4))).verdict == "too few questions"
    unlike = await tried(assistant, made, asked("zzz xx qq?", 6))
    assert (unlike.questions, unlike.verdict) == (0, "too few questions")
    assert unlike.to_dict()["rougeL"] is None


async def test_a_template_without_its_slots_value_is_not_tried(assistant: Assistant) -> None:
    trial = await tried(assistant, template(assistant, RETURN, "Within {days} days."), asked(RETURN, 6))
    assert trial.questions == 0
