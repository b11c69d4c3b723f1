"""JSON Lines in, JSON Lines out: one request a line, one answer a line in the same order, bad lines reported in place.

Knows nothing of what a request asks for.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.engines import ChatMessage
from assistant.errors import AssistantError, InvalidInput
from retrieval.failures import RetrievalError


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a batch file: its id (None if it has none) and either a request or what is wrong with it."""

    id: Any
    request: dict[str, Any]
    error: str | None = None


def read_lines(path: Path) -> Iterator[Line]:
    """Requests of a JSONL file, `-` for standard input; blank lines are skipped. Raises InvalidInput without a file."""
    if str(path) != "-" and not path.is_file():
        raise InvalidInput(f"no such file: {str(path)!r}; give --batch a JSONL file, or - for standard input")
    with sys.stdin.buffer if str(path) == "-" else path.open("rb") as lines:
        for number, raw in enumerate(lines, start=1):
            if raw.strip():
                yield _parse(number, raw)


def _parse(number: int, raw: bytes) -> Line:
    try:
        request = json.loads(raw)
    except ValueError as error:  # UnicodeDecodeError is one too
        return Line(None, {}, f"line {number} is not JSON: {error}")
    if not isinstance(request, dict):
        return Line(None, {}, f"line {number} is not a JSON object")
    return Line(request.get("id"), request)


def conversation(request: dict[str, Any]) -> list[ChatMessage]:
    """The messages a request asks about, up to its last user message. Raises InvalidInput."""
    if isinstance(query := request.get("query"), str):
        given: Any = [{"role": "user", "content": query}]
    else:
        given = request.get("messages")
    if not isinstance(given, list):
        raise InvalidInput('give "query" (text) or "messages" (a list of {"role", "content"})')
    messages = [_message(item) for item in given]
    asked = max((i for i, m in enumerate(messages) if m.role == "user"), default=-1)
    if asked < 0 or not messages[asked].content.strip():
        raise InvalidInput("there is no user message with text to answer")
    return messages[: asked + 1]


def message_of(line: Line) -> str | None:
    """The message a line asks about: `text`, `query`, or the last user message; None if it has none."""
    request = line.request
    for name in ("text", "query"):
        if isinstance(given := request.get(name), str) and given.strip():
            return given
    said = request.get("messages")
    users = (
        [m.get("content") for m in said if isinstance(m, dict) and m.get("role") == "user"]
        if isinstance(said, list)
        else []
    )
    return users[-1] if users and isinstance(users[-1], str) and users[-1].strip() else None


def _message(item: Any) -> ChatMessage:
    role, content = (item.get("role"), item.get("content")) if isinstance(item, dict) else (None, None)
    if role not in ("system", "user", "assistant") or not isinstance(content, str):
        raise InvalidInput(f'message {item!r} needs "role" (system, user or assistant) and "content" (text)')
    return ChatMessage(role, content)


Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def answer_all(lines: Iterator[Line], answer: Answer, at_once: int) -> AsyncIterator[dict[str, Any]]:
    """Answer lines `at_once` at a time; yields results in order, each with its `id`, errors in place."""
    waiting: deque[asyncio.Task[dict[str, Any]]] = deque()
    try:
        for line in lines:
            waiting.append(asyncio.create_task(_answered(line, answer)))
            if len(waiting) >= at_once:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()


async def _answered(line: Line, answer: Answer) -> dict[str, Any]:
    if line.error is not None:
        return {"id": line.id, "error": line.error}
    try:
        return {"id": line.id, **await answer(line.request)}
    except (AssistantError, RetrievalError) as error:
        return {"id": line.id, "error": str(error)}


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on one line of standard output, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def chunks(lines: Iterator[Line], size: int) -> Iterator[Sequence[Line]]:
    """Lines in groups of `size`."""
    group: list[Line] = []
    for line in lines:
        group.append(line)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
