"""Mends words of a question that are no words: "retrun" to "return", by the words of the knowledge base.

A word is mended only when no passage uses it, the embedder has no token of its own for it (which words of the language
mostly have), and one word of the knowledge base is nearer than all others. Latin letters only. Knows keywords and
passages; nothing of vectors. Names are found misspelt elsewhere (retrieval/entities.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache

from rapidfuzz.distance import OSA

from retrieval.lexical import LexicalIndex, words

SHORTEST = 4  # letters; shorter words are too like each other
LONG = 8  # letters from which on two slips are allowed
_WORD = re.compile(r"[A-Za-z]{4,}")
SOLID = 7  # letters from which on one may have been taken for another
ENDING = 2  # letters of an inflection, as in "returns" and "returned"
LOOKED_AT = 8  # passages whose spellings of a word are known
_REMEMBERED = 4096  # words


class Speller:
    """The words of one version of a knowledge base; safe to use from several threads."""

    def __init__(self, lexical: LexicalIndex, text_of: Callable[[int], str], tokens: Callable[[str], int]) -> None:
        """`text_of` gives the text of a passage by number, `tokens` the number of an embedder's tokens in a word."""
        self._lexical = lexical
        self._text_of = text_of
        self._tokens = tokens
        self._by_shape: dict[tuple[str, int], list[str]] = defaultdict(list)
        for term in lexical.terms:
            if len(term) >= SHORTEST - 1 and term.isascii() and term.isalpha():
                self._by_shape[term[0], len(term)].append(term)
        self._mended = lru_cache(_REMEMBERED)(self._mend)

    def mend(self, text: str) -> str:
        """The text with its misspelt words mended, everything else as it stands."""
        return _WORD.sub(lambda found: self._mended(found[0]), text)

    def _mend(self, word: str) -> str:
        terms = words(word)
        if word.isupper() or len(terms) != 1 or not self._lexical.unheard(terms) or self._tokens(word) == 1:
            return word
        best = self._nearest(word.lower(), terms[0])
        return word if best is None else best

    def _nearest(self, word: str, term: str) -> str | None:
        """The one word of the knowledge base that a slip or two turn into `word`; None when several are as near."""
        slips = 2 if len(word) >= LONG else 1
        sizes = range(len(term) - slips, len(term) + slips + 1)
        near = (t for size in sizes for t in self._by_shape.get((term[0], size), ()))
        found = sorted(
            (_slips(word, term, spelt, t), OSA.distance(word, spelt), spelt)
            for t in near
            if OSA.distance(term, t, score_cutoff=slips + 1) <= slips + 1
            for spelt in self._spellings(t)
        )
        found = [one for one in found if one[0] <= slips]
        if not found or any(one[0] == found[0][0] and words(one[2]) != words(found[0][2]) for one in found[1:]):
            return None
        return found[0][2]

    def _spellings(self, term: str) -> Iterable[str]:
        """How the first passages that have a term spell it."""
        texts = (self._text_of(int(number)) for number in self._lexical.texts_with(term)[:LOOKED_AT])
        return {spelt.lower() for text in texts for spelt in _WORD.findall(text) if words(spelt) == [term]}


def _slips(word: str, term: str, meant: str, stem: str) -> int:
    """How many slips lead from a word (and its own `term`) to what was meant; its ending may be another one."""
    ending = len(meant) - len(stem)
    inflected = 0 <= ending <= ENDING and OSA.distance(word, meant) <= 1 + ending and _distance(term, stem) <= 1
    return 1 if inflected else _distance(word, meant)


def _distance(word: str, meant: str) -> int:
    """Slips; in a short word another letter is rather another word: "lager" is not "later"."""
    other_letter = len(word) == len(meant) and sorted(word) != sorted(meant)
    return OSA.distance(word, meant) + (other_letter and len(word) < SOLID)
