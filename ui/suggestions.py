"""Example questions for an empty chat, taken from the knowledge base itself.

Knows passages and languages; nothing of pages.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence

from retrieval.documents import Passage
from retrieval.search import Retriever

SHORTEST, LONGEST = 4, 72  # characters of a question that fits a button
LOOKED_AT = 2000  # passages, evenly spread, of a large knowledge base
_CHINESE = re.compile("[㐀-鿿]")


class Examples:
    """The questions of the knowledge base as it is now; looked for once for each version of it."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._lock = threading.Lock()
        self._version = ""
        self._found: dict[str, tuple[str, ...]] = {}

    def questions(self, language: str) -> tuple[str, ...]:
        """Up to three questions in `language`; raises what opening the index raises."""
        index = self._retriever.index
        with self._lock:
            if index.version != self._version:
                self._version, self._found = index.version, {}
            if language not in self._found:
                self._found[language] = suggestions(index.passages, language)
            return self._found[language]


def suggestions(passages: Sequence[Passage], language: str, wanted: int = 3) -> tuple[str, ...]:
    """Up to `wanted` questions in `language`, each about another topic; headings where there are no questions."""
    step = max(1, len(passages) // LOOKED_AT)
    looked_at = [p for p in (passages[n] for n in range(0, len(passages), step)) if _speaks(p, language)]
    questions = _by_topic((p, p.question) for p in looked_at if p.question and not p.entity)
    headings = _by_topic((p, p.heading_path[-1]) for p in looked_at if p.question is None and p.heading_path)
    return tuple(dict.fromkeys([*questions, *headings]))[:wanted]


def _by_topic(candidates: Iterable[tuple[Passage, str]]) -> list[str]:
    """The first fitting text of each topic, in order; a topic is a passage's first tag, else its document."""
    found: dict[str, str] = {}
    for passage, text in candidates:
        topic = passage.tags[0] if passage.tags else passage.document_id
        if topic not in found and SHORTEST <= len(text.strip()) <= LONGEST:
            found[topic] = text.strip()
    return list(found.values())


def _speaks(passage: Passage, language: str) -> bool:
    """By the passage's own language where it has one, else by its script."""
    own = passage.language or ("zh" if _CHINESE.search(passage.question or passage.text) else "en")
    return own[:2] == language
