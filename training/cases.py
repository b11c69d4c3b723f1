"""Held-out cases to score an assistant on: a conversation, the reference reply, and the passages given with it.

Knows the JSONL form of the contract; nothing of models.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.engines import ChatMessage
from assistant.errors import InvalidInput
from assistant.language import language_of
from assistant.phrases import phrases
from retrieval.documents import Hit, Passage
from training.examples import Example
from training.given_passages import given_passages


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its history, what a person replied, and given passages (none: a plain log case)."""

    id: str
    messages: tuple[ChatMessage, ...]
    reply: str
    passages: tuple[Passage, ...] = ()
    unanswerable: bool = False  # the passages do not answer; the right reply says so

    @property
    def language(self) -> str:
        """Language of the question."""
        return language_of(self.messages[-1].content)

    @property
    def hits(self) -> list[Hit]:
        """The given passages as a search would have found them."""
        return [Hit(passage, 1.0) for passage in self.passages]

    def example(self) -> Example:
        """The case as a training example would hold it, for perplexity."""
        return Example(self.id, self.id, self.messages, self.reply, self.language, "validation", self.passages)


def load_cases(path: Path) -> list[Case]:
    """Read a JSONL file of cases; raises InvalidInput naming the file, the line and what is wrong."""
    cases = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError as error:
        raise InvalidInput(f"no file {str(path)!r}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                cases.append(case_from(json.loads(line), str(number)))
            except json.JSONDecodeError as error:
                raise InvalidInput(f"{path}, line {number} is not JSON: {error}") from error
            except (ValueError, KeyError, TypeError, AttributeError, InvalidInput) as error:
                raise InvalidInput(f"{path}, line {number}: {type(error).__name__}: {error}") from error
    if not cases:
        raise InvalidInput(f"{path} holds no cases; one JSON object a line: id, messages, reply, knowledge")
    return cases


def case_from(data: Mapping[str, Any], default_id: str) -> Case:
    """A case from the contract's JSON; raises InvalidInput, KeyError or TypeError when a part is missing or wrong."""
    messages = tuple(ChatMessage(m["role"], _text(m["content"])) for m in data["messages"] if m["role"] != "system")
    if not messages or messages[-1].role != "user":
        raise InvalidInput("the last message must be the user's")
    id, reply = str(data.get("id", default_id)), _text(data["reply"])
    passages = given_passages(id, data.get("knowledge"))
    says_unknown = reply == phrases(language_of(messages[-1].content)).dont_know
    return Case(id, messages, reply, passages, bool(data.get("unanswerable", says_unknown)))


def cases_of(examples: Iterable[Example]) -> list[Case]:
    """Held-out examples as cases."""
    return [Case(e.id, e.messages, e.reply, e.passages, e.kind == "unanswerable") for e in examples]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{value!r} must be text that is not empty")
    return value
