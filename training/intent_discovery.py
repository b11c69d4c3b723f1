"""Wishes that no intent covers yet: clusters of unlabelled messages with readable names.

Knows vectors and words; where the messages come from is the caller's business.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from assistant.intents import IntentModel

MOST = 3000  # messages compared at once
NEAR = 0.55  # mean cosine within a cluster
FEWEST = 3
NAME_WORDS = 3
EXAMPLES = 5

_WORD = re.compile(r"[\u3400-\u9fff]{2}|[a-z][a-z'’-]+")


@dataclass(frozen=True, slots=True)
class Discovered:
    """Messages alike and covered by no intent, the most central ones as examples."""

    name: str
    messages: int
    examples: tuple[str, ...]


def discover_intents(texts: Sequence[str], vectors: np.ndarray, model: IntentModel | None) -> list[Discovered]:
    """The largest clusters of messages that `model`, if there is one, takes to be out of scope."""
    open_rows = np.arange(len(texts))
    if model is not None and len(texts):
        known = model.classify(vectors, texts)
        open_rows = np.array([i for i in open_rows if known[i] is None], dtype=np.int64)
    open_rows = open_rows[:MOST]
    if len(open_rows) < FEWEST:
        return []
    clustering = AgglomerativeClustering(
        n_clusters=None, distance_threshold=1 - NEAR, metric="cosine", linkage="average"
    )
    labels = clustering.fit_predict(vectors[open_rows])
    rare = _rarity([texts[int(i)] for i in open_rows])
    found = []
    for label, count in Counter(labels.tolist()).most_common():
        if count < FEWEST:
            break
        rows = open_rows[labels == label]
        middle = vectors[rows].mean(axis=0)
        central = rows[np.argsort(-(vectors[rows] @ middle), kind="stable")]
        members = [texts[i] for i in central.tolist()]
        found.append(Discovered(_name(members, rare), count, tuple(members[:EXAMPLES])))
    return found


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in ENGLISH_STOP_WORDS]


def _rarity(texts: Sequence[str]) -> dict[str, float]:
    seen = Counter(word for text in texts for word in set(_words(text)))
    return {word: float(np.log(len(texts) / count) + 0.1) for word, count in seen.items()}


def _name(members: Sequence[str], rare: dict[str, float]) -> str:
    """The words that most members share and others do not, in the order in which the most central one has them."""
    counts = Counter(word for text in members for word in set(_words(text)))
    best = sorted(counts, key=lambda word: -counts[word] * rare[word])[:NAME_WORDS]
    order = " ".join(members).lower()
    return "_".join(sorted(best, key=order.find)) or "unnamed"
