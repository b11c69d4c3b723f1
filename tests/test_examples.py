"""The example shop: its files are readable, its questions answerable, and its log in the contract's format."""

from __future__ import annotations

import csv
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import docx
import pypdf
import pytest
from bs4 import BeautifulSoup

EXAMPLES = Path(__file__).parent.parent / "examples"
KNOWLEDGE = EXAMPLES / "knowledge"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _file_text(path: Path) -> str:
    if path.suffix == ".pdf":
        return "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    if path.suffix == ".docx":
        document = docx.Document(str(path))
        cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        return "\n".join([p.text for p in document.paragraphs] + cells)
    if path.suffix == ".html":
        return BeautifulSoup(path.read_text(encoding="utf-8"), "lxml").get_text()
    return path.read_text(encoding="utf-8")


def _rows() -> list[dict[str, str]]:
    with (KNOWLEDGE / "faq.csv").open(encoding="utf-8", newline="") as file:
        english = list(csv.DictReader(file))
    return english + _lines(KNOWLEDGE / "zh" / "faq.jsonl")


def _squeeze(text: str) -> str:
    return re.sub(r"[\s*]+", " ", text)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """The text of each document by its id: the relative path of a file, the id of a FAQ row."""
    files = [p for p in KNOWLEDGE.rglob("*.*") if p.suffix in {".md", ".html", ".pdf", ".docx"}]
    found = {p.relative_to(KNOWLEDGE).as_posix(): _file_text(p) for p in files}
    found.update({row["id"]: f"{row['question']}\n{row['answer']}" for row in _rows()})
    return {key: _squeeze(text) for key, text in found.items()}


def test_every_format_and_both_languages_are_present(texts: dict[str, str]) -> None:
    suffixes = {p.suffix for p in KNOWLEDGE.rglob("*.*")}
    assert suffixes == {".md", ".html", ".pdf", ".docx", ".csv", ".jsonl"}
    assert sum(key.startswith("zh") for key in texts) >= 20


def test_faq_rows_have_unique_ids_questions_and_answers() -> None:
    rows = _rows()
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(row["question"].strip() and row["answer"].strip() for row in rows)


def test_each_expected_document_contains_the_facts_of_its_question(texts: dict[str, str]) -> None:
    missing = [
        (question["id"], name, fact)
        for question in _lines(EXAMPLES / "questions.jsonl")
        for name in question["documents"]
        for fact in question["facts"]
        if fact not in texts[name]
    ]
    assert missing == []


def test_each_document_of_a_follow_up_contains_its_facts(texts: dict[str, str]) -> None:
    cases = _lines(EXAMPLES / "follow_ups.jsonl")
    assert len({case["id"] for case in cases}) == len(cases) >= 50
    assert all(case["messages"][-1]["role"] == "user" for case in cases)
    missing = [
        (case["id"], name, fact)
        for case in cases
        for name in case["documents"]
        for fact in case["facts"]
        if fact not in texts[name]
    ]
    assert missing == []


def test_questions_cover_both_languages_and_the_unanswerable() -> None:
    questions = _lines(EXAMPLES / "questions.jsonl")
    answerable = [q for q in questions if q["answerable"]]
    assert len({q["id"] for q in questions}) == len(questions) == 80
    assert [sum(q["language"] == language for q in answerable) for language in ("en", "zh")] == [50, 15]
    assert all(q["documents"] and q["facts"] for q in answerable)


def test_prices_do_not_conflict_between_the_languages(texts: dict[str, str]) -> None:
    chinese = " ".join(text for key, text in texts.items() if key.startswith("zh"))
    english = " ".join(text for key, text in texts.items() if not key.startswith("zh"))
    prices = {f"€{amount}" for amount in re.findall(r"(\d+(?:\.\d+)?) 欧元", chinese)} - {"€1"}
    assert prices
    assert [price for price in sorted(prices) if not re.search(rf"{price}(?!\d)", english)] == []


def test_the_sample_log_follows_the_contract() -> None:
    conversations = _lines(EXAMPLES / "conversations.jsonl")
    assert len({c["id"] for c in conversations}) == len(conversations) == 40
    for conversation in conversations:
        messages = conversation["messages"]
        assert [m["role"] for m in messages] == ["user", "assistant"] * (len(messages) // 2) + ["user"] * (
            len(messages) % 2
        )
        times = [datetime.fromisoformat(m["created_at"]) for m in messages]
        assert times == sorted(times)
        assert isinstance(conversation["resolved"], bool)


def test_the_sample_log_has_personal_data_to_mask_and_only_invented_addresses() -> None:
    text = (EXAMPLES / "conversations.jsonl").read_text(encoding="utf-8")
    domains = set(re.findall(r"@([\w.-]+\w)", text))
    assert domains == {"example.com", "lanternandleaf.example"}
    assert "4111 1111 1111 1111" in text
