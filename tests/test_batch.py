"""Batch files: order, echoed ids, and bad lines that do not stop the rest."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import InvalidInput
from ui.batch import answer_all, chunks, conversation, read_lines


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "batch.jsonl"
    path.write_text(text, "utf-8")
    return path


def test_bad_lines_are_reported_where_they_stand(tmp_path: Path) -> None:
    lines = list(read_lines(write(tmp_path, '{"id": 1, "query": "a"}\n\nnot json\n[1]\n{"id": "x"}\n')))
    assert [line.id for line in lines] == [1, None, None, "x"]
    assert lines[1].error is not None and "line 3" in lines[1].error
    assert lines[2].error is not None and lines[0].error is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere\.jsonl"):
        list(read_lines(tmp_path / "nowhere.jsonl"))


def test_the_last_user_message_is_asked_and_the_rest_is_context() -> None:
    said = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d"},
    ]
    assert [message.content for message in conversation({"messages": said})] == ["a", "b", "c"]
    assert [message.content for message in conversation({"query": "q"})] == ["q"]


@pytest.mark.parametrize(
    "request_line",
    [{}, {"messages": []}, {"messages": "x"}, {"messages": [{"role": "judge", "content": "x"}]}, {"query": "  "}],
)
def test_requests_without_a_question_are_refused(request_line: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        conversation(request_line)


async def test_answers_keep_the_order_and_errors_stay_in_place(tmp_path: Path) -> None:
    running = most = 0

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001 * (5 - request["id"]))
        running -= 1
        if request["id"] == 2:
            raise InvalidInput("two is bad")
        return {"got": request["id"]}

    text = "\n".join(f'{{"id": {i}}}' for i in range(5)) + "\nbroken"
    results = [result async for result in answer_all(read_lines(write(tmp_path, text)), answer, 3)]
    assert [result["id"] for result in results] == [0, 1, 2, 3, 4, None]
    assert results[2] == {"id": 2, "error": "two is bad"} and results[4] == {"id": 4, "got": 4}
    assert 1 < most <= 3


def test_chunks_lose_nothing(tmp_path: Path) -> None:
    lines = read_lines(write(tmp_path, "\n".join(f'{{"id": {i}}}' for i in range(5))))
    assert [[line.id for line in group] for group in chunks(lines, 2)] == [[0, 1], [2, 3], [4]]
