"""The example shop as a knowledge base: its questions and follow-ups of one language, with the documents that answer.

Written for the project, so nothing that is fitted on it is proved by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assistant.engines import ChatMessage
from assistant.understand import understand
from benchmarks.development_sets import Asked, KnowledgeBase
from retrieval.documents import Document
from retrieval.readers import Reader, list_files

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example_shop(language: str) -> KnowledgeBase:
    """All documents of the shop, and what is asked in one language, alone and after other questions."""
    with Reader() as reader:
        files, _ = list_files([EXAMPLES / "knowledge"], "example")
        documents = [found for file in files for found in reader.read(file) if isinstance(found, Document)]
    rows = [row for name in ("questions", "follow_ups") for row in _rows(name) if row["language"] == language]
    return KnowledgeBase(f"example_shop_{language}", tuple(documents), tuple(_asked(row) for row in rows))


def _asked(row: dict[str, Any]) -> Asked:
    messages = [ChatMessage(said["role"], said["content"]) for said in row.get("messages", ())]
    understood = understand(messages or [ChatMessage("user", row["query"])])
    return Asked(understood.topic, frozenset(row["documents"]), understood.said, understood.question)


def _rows(name: str) -> Iterator[dict[str, Any]]:
    lines = (EXAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return (json.loads(line) for line in lines)
