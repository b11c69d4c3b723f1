"""Ranks the passages of an index for one question: vectors and keywords fused, repeats dropped, evidence weighed.

Knows nothing of files, versions or embedders. Keywords count little for FAQ entries, whose questions are
paraphrased, and much for documents, whose own words are searched (measured: LOG.md); they take over to the degree
that the embedder cannot read the question.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retrieval.documents import Hit, Passage, SearchResult
from retrieval.evidence import Signals, probability
from retrieval.lexical import LexicalIndex, best, words
from retrieval.views import head, lexical_text

VECTORS = 100  # nearest vectors considered
KEYWORDS = 50  # passages with the best keyword scores considered
FAQ_KEYWORDS = 0.1
DOCUMENT_KEYWORDS = 0.6


class Searchable(Protocol):
    """What ranking needs of an index; retrieval/index.py has it, benchmarks hold one in memory."""

    @property
    def passages(self) -> Sequence[Passage]:
        """All passages by number."""

    @property
    def vectors(self) -> np.ndarray:
        """(n, d) float32 unit rows."""

    @property
    def owner(self) -> np.ndarray:
        """(n,) the passage number of each vector, ascending."""

    @property
    def lexical(self) -> LexicalIndex:
        """Keyword scores by passage number."""

    def dense(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Vector numbers (q, k) and cosines (q, k), best first; -1: no more."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its unit vector (d,), and the share 0..1 of it that the embedder cannot read."""

    text: str
    vector: np.ndarray
    unread: float = 0.0


@dataclass(frozen=True, slots=True)
class _Candidate:
    number: int
    passage: Passage
    cosine: float
    keywords: float  # BM25 as a share of the best passage's
    score: float


def rank(index: Searchable, question: Question, k: int) -> SearchResult:
    """The best k passages, best first, and the evidence that they answer."""
    terms = words(question.text)
    candidates = _candidates(index, question, terms)
    hits = tuple(Hit(c.passage, c.score) for c in _without_repeats(candidates, k))
    evidence = probability(_signals(index.lexical, candidates, terms)) if candidates else 0.0
    return SearchResult(question.text, hits, evidence)


def _candidates(index: Searchable, question: Question, terms: Sequence[str]) -> list[_Candidate]:
    """The nearest passages by vector and by keyword, scored, best first."""
    keywords = index.lexical.scores(terms)
    top = float(keywords.max(initial=0.0))
    if top > 0:
        keywords = keywords / top
    near, _ = index.dense(question.vector[None, :], VECTORS)
    by_vector = index.owner[near[0][near[0] >= 0]]
    numbers = np.union1d(by_vector, best(keywords, KEYWORDS))
    found = []
    for number, cosine in zip(numbers, _cosines(index, question.vector, numbers), strict=True):
        passage = index.passages[int(number)]
        weight = DOCUMENT_KEYWORDS if passage.question is None else FAQ_KEYWORDS
        weight += question.unread * (1 - weight)
        score = (1 - question.unread) * cosine + weight * keywords[number]
        found.append(_Candidate(int(number), passage, float(cosine), float(keywords[number]), float(score)))
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.number))


def _cosines(index: Searchable, vector: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """(len(numbers),) the best cosine among the vectors of each passage."""
    starts = np.searchsorted(index.owner, numbers, side="left")
    ends = np.searchsorted(index.owner, numbers, side="right")
    rows = np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)] or [starts])
    cosines = np.asarray(index.vectors[rows] @ vector)
    return np.maximum.reduceat(cosines, np.concatenate([[0], np.cumsum(ends - starts)[:-1]])) if len(rows) else cosines


def _without_repeats(candidates: Iterable[_Candidate], k: int) -> list[_Candidate]:
    """The first k that add something: one passage a FAQ entry, and no text twice."""
    kept: list[_Candidate] = []
    seen: set[object] = set()
    for candidate in candidates:
        if len(kept) == k:
            break
        keys: set[object] = {tuple(words(lexical_text(candidate.passage)))}
        if candidate.passage.question is not None:
            keys.add(candidate.passage.document_id)
        if not keys & seen:
            kept.append(candidate)
            seen |= keys
    return kept


def _signals(lexical: LexicalIndex, candidates: Sequence[_Candidate], terms: Sequence[str]) -> Signals:
    first = candidates[0]
    others: dict[str, float] = {}
    for candidate in candidates:
        document = candidate.passage.document_id
        if document != first.passage.document_id:
            others[document] = max(others.get(document, -1.0), candidate.cosine)
    nearest = sorted(others.values(), reverse=True)[:10]
    distinct = list(dict.fromkeys(terms))
    rarity = lexical.rarity(distinct)
    return Signals(
        cosine=first.cosine,
        lead=first.cosine - float(np.mean(nearest)) if nearest else 0.0,
        margin=first.cosine - nearest[0] if nearest else 0.0,
        coverage=_share(distinct, rarity, words(lexical_text(first.passage))),
        head_coverage=_share(distinct, rarity, words(head(first.passage))),
        keywords=first.keywords,
        unknown=1 - _share(distinct, rarity, [t for t in distinct if lexical.knows(t)]),
        length=float(np.log1p(len(distinct))),
    )


def _share(terms: Sequence[str], rarity: np.ndarray, present: Iterable[str]) -> float:
    """The rarity-weighted share of `terms` that are `present`; 0 without terms."""
    there = set(present)
    total = float(rarity.sum())
    return float(sum(r for term, r in zip(terms, rarity, strict=True) if term in there)) / total if total else 0.0
