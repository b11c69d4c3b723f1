"""Ranks the passages of an index for one question: vectors and keywords fused, repeats dropped, evidence weighed.

Knows nothing of files, versions or embedders. Keywords count little for FAQ entries, whose questions are
paraphrased, and much for documents, whose own words are searched (measured: LOG.md); they take over to the degree
that the embedder cannot read the question. Where a conversation is about named things of the knowledge base, passages
about them come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from retrieval.documents import Hit, Passage, SearchResult
from retrieval.entities import Named
from retrieval.evidence import Signals, probability
from retrieval.lexical import LexicalIndex, best, words
from retrieval.views import lexical_text

VECTORS = 100  # nearest vectors considered
KEYWORDS = 50  # passages with the best keyword scores considered
FAQ_KEYWORDS = 0.06  # weights of BM25 per unit of the question's rarity, added to the cosine
DOCUMENT_KEYWORDS = 1.0
MULTILINGUAL_KEYWORDS = 0.3  # for documents beside the vectors of the embedder for all languages
NAMED = 0.8  # added for a passage about what the conversation is surely about
NAMED_QUESTION = 0.15  # how much of a cosine is that of the question with the name before it
NAMED_SURELY = 0.7  # weight of a name from which on the evidence is that of the question with the name
NAMED_PASSAGES = 500  # about it that are considered, however far their vectors are
SAME = 0.2  # per cosine of a document with what a follow-up leans on: the talk mostly stays with it
SAME_SHOWN = 0.05  # and that of it which counts as evidence
ASKING = frozenset(  # words that ask rather than name what is asked for
    """
    about also any anyth come cost get give go got how know like long make mani much need often one onli please possibl
    take tell then thing want
    多少 多久 为什么 哪 哪些 哪个 哪里 怎么办 怎么样 怎样 如何 几 几天 什么时候 时候 时间 操作 那
    """.split()
)
COMPARED = 3  # best hits among which a FAQ entry and another passage are weighed against each other
CLEARLY = 1.6  # times the odds of answering
OTHERS = 10  # nearest documents that the first one is seen to lead before
BEST_VIEW = 0.7  # a passage's cosine is this much its best vector's and for the rest the mean of its vectors'


class Searchable(Protocol):
    """What ranking needs of an index; retrieval/index.py has it, benchmarks hold one in memory."""

    @property
    def passages(self) -> Sequence[Passage]:
        """All passages by number."""

    @property
    def faq(self) -> np.ndarray:
        """(passages,) bool: which ones answer a question that they hold."""

    @property
    def vectors(self) -> np.ndarray:
        """(n, d) float32 unit rows."""

    @property
    def owner(self) -> np.ndarray:
        """(n,) the passage number of each vector, ascending."""

    @property
    def lexical(self) -> LexicalIndex:
        """Keyword scores by passage number."""

    @property
    def named(self) -> Named:
        """The named things, and which passage is about which."""

    def dense(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Vector numbers (q, k) and cosines (q, k), best first; -1: no more."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its unit vector (d,), and the share 0..1 of it that the embedder cannot read.

    `in_play` weighs the named things the conversation is about; `named_vector` is the question's with the name of the
    first of them before it, from which the evidence is weighed if it is sure; `topic` is the question and what was
    asked before; `joined` the question with what it leans on, empty if it stands alone, and `before` the vector of the
    latter.
    """

    text: str
    vector: np.ndarray
    unread: float = 0.0
    in_play: Mapping[int, float] = field(default_factory=dict)
    named_vector: np.ndarray | None = None
    multilingual: bool = False  # whether the vectors are those of the embedder for all languages
    topic: str = ""
    joined: str = ""
    before: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A passage that may answer. Most are never looked at, so `passage` is read when it is asked for."""

    number: int
    passages: Sequence[Passage]
    faq: bool
    cosine: float  # as the evidence counts it
    score: float

    @property
    def passage(self) -> Passage:
        return self.passages[self.number]


def rank(index: Searchable, question: Question, k: int) -> SearchResult:
    """The best k passages, best first, and the evidence that they answer."""
    candidates = _surest_first(index.lexical, _candidates(index, question), question)
    hits = tuple(Hit(c.passage, c.score) for c in _without_repeats(candidates, k))
    evidence = _evidence(index.lexical, candidates[0], candidates, question) if candidates else 0.0
    return SearchResult(question.text, hits, evidence)


def signals(index: Searchable, question: Question) -> Signals | None:
    """What the evidence is weighed from, None where nothing was found; for fitting it."""
    candidates = _surest_first(index.lexical, _candidates(index, question), question)
    return _signals(index.lexical, candidates[0], candidates, question) if candidates else None


def _candidates(index: Searchable, question: Question) -> list[_Candidate]:
    """The nearest passages by vector and by keyword, scored, best first."""
    keywords = _keywords(index.lexical, words(question.joined or question.text))
    if not question.joined and question.topic and question.topic != question.text:
        keywords = (keywords + _keywords(index.lexical, words(question.topic))) / 2
    near, _ = index.dense(question.vector[None, :], VECTORS)
    by_vector = index.owner[near[0][near[0] >= 0]]
    about = _about(index, question)
    numbers = np.unique(np.concatenate([by_vector, best(keywords, KEYWORDS), np.flatnonzero(about)[:NAMED_PASSAGES]]))
    cosines = _cosines(index, question.vector, numbers)
    named = cosines if question.named_vector is None else _cosines(index, question.named_vector, numbers)
    shown = named if max(question.in_play.values(), default=0.0) >= NAMED_SURELY else cosines
    cosines = (1 - NAMED_QUESTION) * cosines + NAMED_QUESTION * named
    stays = _same_document(index, numbers, question.before)
    faq = index.faq[numbers]
    weight = np.where(faq, FAQ_KEYWORDS, MULTILINGUAL_KEYWORDS if question.multilingual else DOCUMENT_KEYWORDS)
    weight = weight + question.unread * (1 - weight)
    scores = (1 - question.unread) * cosines + weight * keywords[numbers] + NAMED * about[numbers] + SAME * stays
    evident = shown + SAME_SHOWN * stays
    return [
        _Candidate(int(numbers[i]), index.passages, bool(faq[i]), float(evident[i]), float(scores[i]))
        for i in np.lexsort((numbers, -scores))
    ]


def _surest_first(lexical: LexicalIndex, candidates: list[_Candidate], question: Question) -> list[_Candidate]:
    """The same, but what is clearly likelier to answer comes first if it is of the other kind and among the first few.

    Scores of FAQ entries and of other passages are not on one scale, since keywords count differently; chances are. But
    chances do not see what a follow-up leans on.
    """
    if not candidates or question.in_play or question.unread or question.joined:
        return candidates
    best = candidates[0]
    other = next((c for c in _without_repeats(candidates, COMPARED) if c.faq != best.faq), None)
    if other is None:
        return candidates
    sure, surer = (
        probability(_signals(lexical, c, candidates, question), question.multilingual) for c in (best, other)
    )
    if surer * (1 - sure) < CLEARLY * sure * (1 - surer):
        return candidates
    return [replace(other, score=best.score), *(c for c in candidates if c is not other)]


def _same_document(index: Searchable, numbers: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """(numbers,) how near the document of each comes to what a follow-up leans on; 0 for FAQ entries, one by one."""
    if before is None:
        return np.zeros(len(numbers))
    documents = [index.passages[int(number)].document_id for number in numbers]
    nearest: dict[str, float] = {}
    for document, faq, cosine in zip(documents, index.faq[numbers], _cosines(index, before, numbers), strict=True):
        if not faq:
            nearest[document] = max(float(cosine), nearest.get(document, 0.0))
    return np.array([nearest.get(document, 0.0) for document in documents])


def _keywords(lexical: LexicalIndex, terms: Sequence[str]) -> np.ndarray:
    """(passages,) BM25 per unit of the terms' rarity."""
    rarity = float(lexical.rarity(list(dict.fromkeys(terms))).sum())
    return lexical.scores(terms) / np.float32(max(rarity, 1e-9))


def _about(index: Searchable, question: Question) -> np.ndarray:
    """(passages,) how surely each passage is about what the conversation is about, 0..1."""
    if not question.in_play:
        return np.zeros(len(index.passages), dtype=np.float32)
    weights = np.zeros(len(index.named.entities.names) + 1, dtype=np.float32)  # the last is of passages about nothing
    weights[list(question.in_play)] = list(question.in_play.values())
    return np.asarray(weights[index.named.owner])


def _cosines(index: Searchable, vector: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """(len(numbers),) the cosine of each passage, from those of its vectors."""
    if len(numbers) == 0:
        return np.empty(0, dtype=np.float32)
    starts = np.searchsorted(index.owner, numbers, side="left")
    counts = np.searchsorted(index.owner, numbers, side="right") - starts
    rows = np.concatenate([np.arange(start, start + count) for start, count in zip(starts, counts, strict=True)])
    cosines = np.asarray(index.vectors[rows] @ vector)
    firsts = np.cumsum(counts) - counts
    highest, mean = np.maximum.reduceat(cosines, firsts), np.add.reduceat(cosines, firsts) / counts
    return np.asarray(BEST_VIEW * highest + (1 - BEST_VIEW) * mean)


def _without_repeats(candidates: Iterable[_Candidate], k: int) -> list[_Candidate]:
    """The first k that add something: one passage a FAQ entry, and no text twice."""
    kept: list[_Candidate] = []
    seen: set[object] = set()
    for candidate in candidates:
        if len(kept) == k:
            break
        keys: set[object] = {tuple(words(lexical_text(candidate.passage)))}
        if candidate.faq:
            keys.add(candidate.passage.document_id)
        if not keys & seen:
            kept.append(candidate)
            seen |= keys
    return kept


def _evidence(lexical: LexicalIndex, first: _Candidate, candidates: Sequence[_Candidate], question: Question) -> float:
    """The fitted chance as far as the embedder reads the question; the covered share of its terms for the rest."""
    read = probability(_signals(lexical, first, candidates, question), question.multilingual)
    unread = _coverage(lexical, words(question.text), lexical_text(first.passage)) if question.unread else 0.0
    return (1 - question.unread) * read + question.unread * unread


def _signals(lexical: LexicalIndex, first: _Candidate, candidates: Sequence[_Candidate], question: Question) -> Signals:
    terms = [term for term in words(question.text) if term not in ASKING]
    others: dict[str, float] = {}
    for candidate in sorted(candidates, key=lambda candidate: -candidate.cosine):
        if len(others) == OTHERS:
            break
        if (document := candidate.passage.document_id) != first.passage.document_id:
            others.setdefault(document, candidate.cosine)
    nearest = list(others.values())
    return Signals(
        cosine=first.cosine,
        lead=first.cosine - float(np.mean(nearest)) if nearest else 0.0,
        coverage=_coverage(lexical, terms or words(question.joined), lexical_text(first.passage)),
        strange=lexical.unheard(terms) if question.joined else 0.0,
        faq=first.faq,
    )


def _coverage(lexical: LexicalIndex, terms: Sequence[str], text: str) -> float:
    """The rarity-weighted share of `terms` that occur in `text`; 0 without terms."""
    distinct = list(dict.fromkeys(terms))
    rarity = lexical.rarity(distinct)
    present = np.isin(distinct, words(text))
    return float(rarity[present].sum() / rarity.sum()) if distinct else 0.0
