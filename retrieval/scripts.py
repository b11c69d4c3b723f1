"""Which script a text is written in, to tell what an embedder for English cannot read; Traditional to Simplified.

Looks at letters only; knows nothing of languages or models.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

import opencc

_FOREIGN = 0.3  # share of a text's letters outside the Latin script from which on it is not English any more
_IDEOGRAPH = 2.5  # Latin letters that one of these says as much as


@lru_cache(maxsize=20_000)
def _weights(letter: str) -> tuple[float, float]:
    """What a character counts as Latin and as another script."""
    if not letter.isalpha():
        return 0.0, 0.0
    name = unicodedata.name(letter, "")
    if name.startswith(("LATIN", "FULLWIDTH LATIN", "FEMININE", "MASCULINE")):
        return 1.0, 0.0
    return 0.0, _IDEOGRAPH if name.startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL")) else 1.0


def is_foreign(text: str) -> bool:
    """Is a good part of the text written in another script than the Latin one?"""
    weights = [_weights(letter) for letter in text]
    latin, other = (sum(weight[n] for weight in weights) for n in (0, 1))
    return other > _FOREIGN * (latin + other)


def simplified(text: str) -> str:
    """The text with Traditional Chinese characters in their Simplified forms."""
    return text if text.isascii() else str(_converter().convert(text))


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")
