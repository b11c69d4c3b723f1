"""Cases are read as the contract writes them, and a wrong line is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.engines import ChatMessage
from assistant.errors import InvalidInput
from assistant.phrases import phrases
from tests.tuning_data import examples
from training.cases import cases_of, load_cases

GOOD = {
    "id": "c1",
    "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "Where is it?"}],
    "reply": "On its way.",
    "knowledge": [{"text": "It ships today.", "entity": "Parcel"}, {"text": "Free."}],
}


def written(folder: Path, *lines: object) -> Path:
    path = folder / "cases.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), "utf-8")
    return path


def test_a_case_is_read_with_its_knowledge(tmp_path: Path) -> None:
    (case,) = load_cases(written(tmp_path, GOOD, ""))
    assert case.messages == (ChatMessage("user", "Where is it?"),)
    assert [hit.passage.text for hit in case.hits] == ["It ships today.", "Free."]
    assert case.passages[0].entity == "Parcel" and case.passages[1].entity is None
    assert case.language == "en" and not case.unanswerable
    assert case.example().passages == case.passages


def test_unanswerable_cases_are_told_or_recognised(tmp_path: Path) -> None:
    told = {**GOOD, "unanswerable": True}
    recognised = {**GOOD, "reply": phrases("en").dont_know}
    assert [case.unanswerable for case in load_cases(written(tmp_path, told, recognised, GOOD))] == [True, True, False]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        {"messages": []},
        {**GOOD, "reply": ""},
        {**GOOD, "messages": [{"role": "assistant", "content": "Hi"}]},
        {**GOOD, "messages": [{"role": "user", "content": 3}]},
        {**GOOD, "knowledge": [{"text": None}]},
        {**GOOD, "knowledge": ["text"]},
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: object) -> None:
    with pytest.raises(InvalidInput, match="line 2"):
        load_cases(written(tmp_path, GOOD, line))


def test_an_empty_or_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no cases"):
        load_cases(written(tmp_path, ""))
    with pytest.raises(InvalidInput, match=r"none\.jsonl"):
        load_cases(tmp_path / "none.jsonl")


def test_held_out_examples_are_cases() -> None:
    cases = cases_of(examples(2))
    assert [case.id for case in cases][:2] == ["train-0", "train-1"]
    assert cases[1].passages == examples(2)[1].passages
