"""Finds the passages of the published index that answer a question, and how likely they do.

Knows nothing of conversations but their texts: named things in them (retrieval/entities.py) decide whose passages are
meant, and then the last text is asked alone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.documents import Passage, SearchResult
from retrieval.embed import Embedder
from retrieval.entities import Named
from retrieval.index import Index, current_version, open_index
from retrieval.ranking import Question, rank

SURE = 0.3  # weight of a name from which on the question is asked about it


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked up: the question, the same with the name of what it is about, and the names in play."""

    text: str
    named_text: str
    in_play: Mapping[int, float]


def asked_of(named: Named, query: str, said: Sequence[str] = ()) -> Asked:
    """The question of a conversation (see `Retriever.search`): its last text where a name is in play, else `query`."""
    in_play = named.in_play(said or (query,))
    first = max(in_play, key=in_play.__getitem__, default=None)
    if first is None or in_play[first] < SURE:
        return Asked(query, query, in_play)
    text = said[-1] if said else query
    return Asked(text, f"{named.entities.names[first]}: {text}", in_play)


class Retriever:
    """Searches whatever version is published; safe to use from several threads."""

    def __init__(self, embedder: Embedder, root: Path) -> None:
        self.embedder = embedder
        self.root = root
        self._index: Index | None = None
        self._lock = threading.Lock()

    @property
    def index(self) -> Index:
        """The current version, reopened after a publish; raises IndexMissing."""
        with self._lock:
            if self._index is None or current_version(self.root) != self._index.version:
                self._index = open_index(self.root)
            return self._index

    @property
    def version(self) -> str | None:
        """Which version answers now."""
        return current_version(self.root)

    def search(self, query: str, k: int = 5, *, said: Sequence[str] = ()) -> SearchResult:
        """The best k passages for one question; raises IndexMissing.

        `said`: the texts of the conversation, oldest first, the last one the question in the customer's own words.
        """
        return self.search_many([query], k, [said])[0]

    def search_many(
        self, queries: Sequence[str], k: int = 5, conversations: Sequence[Sequence[str]] = ()
    ) -> list[SearchResult]:
        """`search` for many questions with one encoding; `conversations`: what `said` is for each, or none at all."""
        index = self.index
        asked = [
            asked_of(index.named, query, said)
            for query, said in zip(queries, conversations or [()] * len(queries), strict=True)
        ]
        texts = list(dict.fromkeys(text for one in asked for text in (one.text, one.named_text)))
        vectors = dict(zip(texts, self.embedder.encode_queries(texts), strict=True))
        return [rank(index, self._question(one, vectors), k) for one in asked]

    def _question(self, asked: Asked, vectors: Mapping[str, np.ndarray]) -> Question:
        unread = self.embedder.unknown_share(asked.text)
        return Question(asked.text, vectors[asked.text], unread, asked.in_play, vectors[asked.named_text])

    def passage(self, passage_id: str) -> Passage | None:
        """The passage with this id, or None."""
        index = self.index
        number = index.number(passage_id)
        return None if number is None else index.passages[number]
