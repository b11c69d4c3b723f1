"""Learn from a whole log which unlisted capitalised words are products or places, not people.

A name turns up in a few conversations and where people are addressed; a product turns up all over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from assistant.person_names import unlisted_words

LEAST_CONVERSATIONS = 30
LEAST_SHARE = 0.001  # of all conversations
MOST_ADDRESSED = 0.1  # of a word's occurrences where a name would stand


class HouseWords:
    """Counts conversation by conversation."""

    def __init__(self) -> None:
        self._conversations = 0
        self._holding: Counter[str] = Counter()
        self._occurrences: Counter[str] = Counter()
        self._addressed: Counter[str] = Counter()

    def count(self, texts: Iterable[str]) -> None:
        """Count the texts of one conversation."""
        self._conversations += 1
        found = [pair for text in texts for pair in unlisted_words(text)]
        self._holding.update({word for word, _ in found})
        self._occurrences.update(word for word, _ in found)
        self._addressed.update(word for word, addressed in found if addressed)

    def words(self) -> frozenset[str]:
        """Folded words that are not to be masked as names."""
        least = max(LEAST_CONVERSATIONS, LEAST_SHARE * self._conversations)
        return frozenset(
            word
            for word, holding in self._holding.items()
            if holding >= least and self._addressed[word] <= MOST_ADDRESSED * self._occurrences[word]
        )
