"""One training example: the conversation so far and the reply to learn; and JSONL files of them.

Pure data between curation and training; knows nothing of stores, rules, prompts or tokens.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from assistant.engines import ChatMessage
from assistant.errors import InvalidInput
from retrieval.documents import Passage

Kind = Literal["log", "correction", "unanswerable", "general", "grounded"]
Split = Literal["train", "validation"]


@dataclass(frozen=True, slots=True)
class Example:
    """`messages` is the history, oldest first, its last entry the customer's; `reply` is what to say next."""

    id: str
    conversation_id: str
    messages: tuple[ChatMessage, ...]
    reply: str
    language: str
    split: Split
    passages: tuple[Passage, ...] = ()
    kind: Kind = "log"
    message_ids: tuple[str, ...] = ()  # stored messages of the history and, last, of the reply
    customer_hash: str = ""  # see assistant/pseudonyms.py; finds what must go when a customer is erased

    @property
    def content_hash(self) -> str:
        """sha256 of exactly what a model would learn from: approvals bind to it, lineage and split do not change it."""
        payload = {
            "messages": [[m.role, m.content] for m in self.messages],
            "passages": [p.to_dict() for p in self.passages],
            "reply": self.reply,
            "kind": self.kind,
        }
        return hashlib.sha256(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping; `Example.from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Example:
        """The inverse of `to_dict`; raises InvalidInput for missing or unknown fields."""
        try:
            return cls(
                **{
                    **data,
                    "messages": tuple(ChatMessage(**m) for m in data["messages"]),
                    "passages": tuple(Passage.from_dict(p) for p in data.get("passages", ())),
                    "message_ids": tuple(data.get("message_ids", ())),
                }
            )
        except (KeyError, TypeError) as error:
            raise InvalidInput(f"not a training example ({error}): {str(data)[:200]!r}") from error


def with_validation(examples: Sequence[Example]) -> list[Example]:
    """The examples, one conversation in ten of them for validation where a small log's share came out as none."""
    if any(example.split == "validation" for example in examples):
        return list(examples)
    homes = sorted({e.conversation_id for e in examples}, key=lambda id: hashlib.sha256(id.encode()).hexdigest())
    chosen = set(homes[: max(1, len(homes) // 10)])
    return [replace(e, split="validation") if e.conversation_id in chosen else e for e in examples]


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write one example a line as JSON; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for example in examples:
            file.write(json.dumps(example.to_dict(), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_examples(path: Path) -> Iterator[Example]:
    """Examples of a JSONL file, streamed; raises InvalidInput naming file and line."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield Example.from_dict(json.loads(line))
            except (ValueError, InvalidInput) as error:
                raise InvalidInput(f"{path}, line {number}: {error}") from error
