"""Finds the passages of the published index that answer a question, and how likely they do.

Knows nothing of conversations but their texts: named things in them (retrieval/entities.py) decide whose passages are
meant, and what was asked before has a share in the question.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from retrieval.documents import Passage, SearchResult
from retrieval.embed import Embedder
from retrieval.entities import Named
from retrieval.failures import IndexOutdated
from retrieval.index import Index, Multilingual, current_version, open_index
from retrieval.ranking import Question, rank
from retrieval.scripts import is_foreign
from retrieval.spelling import Speller
from retrieval.staging import identify, same_model
from retrieval.version import EmbedderId

SURE = 0.3  # weight of a name from which on the question is asked about it
TOPIC = 0.3  # weight of what the customer asked before, the rest is the question's
LEANING = 0.5  # the same for a question that is not understood without it


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked up: the question, it with the name of what it is about, and with what was asked before it.

    `joined` is the question with just as much before it as it leans on, empty where it stands alone or where the name
    is what it leans on.
    """

    text: str
    named_text: str
    topic: str
    in_play: Mapping[int, float]
    joined: str = ""

    @property
    def before(self) -> str:
        """What a question that does not stand alone leans on."""
        return self.joined.removesuffix(self.text).strip()

    @property
    def texts(self) -> tuple[str, ...]:
        """What needs a vector."""
        with_more = (self.joined, self.before) if self.joined else (self.topic,)
        return self.text, self.named_text, *with_more

    def vector(self, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        """(d,) the unit vector of the question and, with less weight, of what was asked before it."""
        share = LEANING if self.joined else TOPIC
        mixed = (1 - share) * vectors[self.text] + share * vectors[self.joined or self.topic]
        return np.asarray(mixed / np.linalg.norm(mixed), dtype=np.float32)


def asked_of(named: Named, query: str, said: Sequence[str] = (), alone: str = "") -> Asked:
    """The question of a conversation; see `Retriever.search`."""
    text = said[-1] if said else query
    in_play = named.in_play(said or (query,))
    first = max(in_play, key=in_play.__getitem__, default=None)
    if first is None or in_play[first] < SURE:
        return Asked(text, text, query, in_play, alone if alone != text else "")
    name = named.entities.names[first]
    said_so = name.casefold() in text.casefold()  # a vector more would say the same again
    return Asked(text, text if said_so else f"{name}: {text}", query, in_play)


def question_of(
    asked: Asked, vectors: Mapping[str, np.ndarray], embedder: Embedder, multilingual: bool = False
) -> Question:
    """What is ranked for, from the vectors of its texts."""
    return Question(
        asked.text,
        asked.vector(vectors),
        embedder.unknown_share(asked.text),
        asked.in_play,
        vectors[asked.named_text] if asked.named_text != asked.text else None,
        multilingual,
        asked.topic,
        asked.joined,
        vectors[asked.before] if asked.joined else None,
    )


class Retriever:
    """Searches whatever version is published; safe to use from several threads."""

    def __init__(
        self,
        embedder: Embedder,
        root: Path,
        second: Callable[[], Embedder] | None = None,
        calibrate: Callable[[float], float] | None = None,
    ) -> None:
        """`second` loads the embedder for all languages when first needed; `calibrate` judges the evidence last."""
        self.embedder = embedder
        self.root = root
        self._load_second = second
        self._calibrate = calibrate
        self._second: Embedder | None = None
        self._index: Index | None = None
        self._speller: Speller | None = None
        self._lock = threading.Lock()

    @property
    def index(self) -> Index:
        """The current version, reopened after a publish; raises IndexMissing."""
        with self._lock:
            if self._index is None or current_version(self.root) != self._index.version:
                index = open_index(self.root)
                if not same_model(index.embedder, self._identity):
                    raise IndexOutdated(index.folder, f"was made with the embedder {index.embedder_name!r}")
                self._index, self._speller = index, Speller(index.lexical, index.text, self.embedder.tokens)
            return self._index

    @cached_property
    def _identity(self) -> EmbedderId:
        return identify(self.embedder)

    @property
    def version(self) -> str | None:
        """Which version answers now."""
        return current_version(self.root)

    def search(self, query: str, k: int = 5, *, said: Sequence[str] = (), alone: str = "") -> SearchResult:
        """The best k passages for one question; raises IndexMissing.

        `said`: the texts of the conversation, oldest first, the last one the question in the customer's own words;
        `query` is then that question with what the customer asked before it, and `alone` the question as it would
        stand alone, with only as much before it as it leans on.
        """
        return self.search_many([query], k, [said], [alone])[0]

    def search_many(
        self,
        queries: Sequence[str],
        k: int = 5,
        conversations: Sequence[Sequence[str]] = (),
        standing_alone: Sequence[str] = (),
    ) -> list[SearchResult]:
        """`search` for many questions with one encoding.

        `conversations` and `standing_alone`: what `said` and `alone` are for each, or none at all.
        """
        found = self._search(queries, k, conversations, standing_alone)
        return [replace(one, evidence=self._calibrate(one.evidence)) for one in found] if self._calibrate else found

    def _search(
        self,
        queries: Sequence[str],
        k: int,
        conversations: Sequence[Sequence[str]],
        standing_alone: Sequence[str],
    ) -> list[SearchResult]:
        index = self.index
        none = [""] * len(queries)
        asked = [
            self._asked(index, query, said, alone)
            for query, said, alone in zip(
                queries, conversations or [()] * len(queries), standing_alone or none, strict=True
            )
        ]
        other = index.multilingual if self._load_second is not None else None
        foreign = [other is not None and is_foreign(one.text) for one in asked]
        plain = self._ranked(index, [one for one, is_other in zip(asked, foreign, strict=True) if not is_other], k)
        if other is None or not (other.foreign or any(foreign)):
            return plain
        read = self._ranked(other, asked if other.foreign else [a for a, f in zip(asked, foreign, strict=True) if f], k)
        return list(_chosen(foreign, iter(plain), iter(read), other.foreign))

    def _asked(self, index: Index, query: str, said: Sequence[str], alone: str) -> Asked:
        """The question with its misspelt words mended, unless they are part of a name."""
        asked = asked_of(index.named, query, said, alone)
        speller = self._speller
        if speller is None or asked.in_play or (mended := speller.mend(query)) == query:
            return asked
        return asked_of(index.named, mended, [speller.mend(text) for text in said], speller.mend(alone))

    def _ranked(self, index: Index | Multilingual, asked: Sequence[Asked], k: int) -> list[SearchResult]:
        """Each question's hits by the vectors of one embedder."""
        embedder = self.embedder if isinstance(index, Index) else self._multilingual()
        texts = list(dict.fromkeys(text for one in asked for text in one.texts))
        vectors = dict(zip(texts, embedder.encode_queries(texts), strict=True))
        multilingual = isinstance(index, Multilingual)
        return [rank(index, question_of(one, vectors, embedder, multilingual), k) for one in asked]

    def _multilingual(self) -> Embedder:
        with self._lock:
            if self._second is None:
                assert self._load_second is not None
                self._second = self._load_second()
            return self._second

    def passage(self, passage_id: str) -> Passage | None:
        """The passage with this id, or None."""
        index = self.index
        number = index.number(passage_id)
        return None if number is None else index.passages[number]


def _chosen(
    foreign: Sequence[bool], plain: Iterator[SearchResult], read: Iterator[SearchResult], both: bool
) -> Iterator[SearchResult]:
    """Of two rankings, the one that answers each question.

    A foreign question has only that of the embedder for all languages. Another one has both where the knowledge base
    is in more scripts than one, and the other embedder's counts when it found something in another script and is surer.
    """
    for is_other in foreign:
        if is_other:
            yield next(read)
            continue
        first = next(plain)
        second = next(read) if both else first
        surer = second.evidence > first.evidence and bool(second.hits) and is_foreign(second.hits[0].passage.text)
        yield second if surer else first
