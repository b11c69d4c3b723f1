"""Answer in the knowledge base's own words: the passage, or the stretch of it that best fits the question.

Used when the model's wording is not supported or the model does not write the customer's language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assistant.claims import sentences
from assistant.conversation import Citation
from assistant.grounding import citation
from assistant.language import language_of
from retrieval.documents import Hit
from retrieval.embed import Embedder
from retrieval.lexical import words
from retrieval.scripts import is_foreign

WHOLE_CHARS = 480  # an answer up to this length is quoted whole
WINDOW_CHARS = 360  # of longer ones the best stretch of about this length


@dataclass(frozen=True, slots=True)
class Quote:
    """Verbatim words of one passage and where they stand."""

    text: str
    citation: Citation
    language: str | None


def quote(question: str, hits: Sequence[Hit], embedder: Embedder) -> Quote:
    """The best hit's words for the question; `hits` must not be empty."""
    passage = hits[0].passage
    text = passage.text.strip()
    if len(text) > WHOLE_CHARS * _scale(text):
        text = _best_stretch(question, text, embedder)
    return Quote(text, citation(passage, text), (passage.language or language_of(text))[:2])


def _scale(text: str) -> float:
    """An ideograph says as much as two and a half letters."""
    return 0.4 if is_foreign(text) else 1.0


def _nearness(question: str, texts: Sequence[str], embedder: Embedder) -> np.ndarray:
    """(texts,) how near each is to the question: by meaning, or by shared words in scripts it may not read."""
    if is_foreign("".join(texts)):
        asked = set(words(question))
        return np.array([len(asked & set(words(text))) / max(1, len(asked)) for text in texts])
    vectors = embedder.encode([question, *texts])
    return np.asarray(vectors[1:] @ vectors[0])


def _best_stretch(question: str, text: str, embedder: Embedder) -> str:
    """Consecutive sentences, as they stand in the text, around the one nearest to the question."""
    spans = _spans(text)
    nearness = _nearness(question, [text[a:b] for a, b in spans], embedder)
    first = last = int(nearness.argmax())
    while True:
        before = float(nearness[first - 1]) if first > 0 else -1.0
        after = float(nearness[last + 1]) if last + 1 < len(spans) else -1.0
        if before < 0 and after < 0:
            break
        # What follows explains more often than what stands before.
        first, last = (first, last + 1) if after >= before - 0.1 else (first - 1, last)
        if spans[last][1] - spans[first][0] >= WINDOW_CHARS * _scale(text):
            break
    return text[spans[first][0] : spans[last][1]].strip()


def _spans(text: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends."""
    spans, at = [], 0
    for sentence in sentences(text):
        begin = text.index(sentence, at)
        at = begin + len(sentence)
        spans.append((begin, at))
    return spans
