"""Which language a customer's message is in: English and Chinese by their words, others by their script.

Simplified and Traditional Chinese are both `zh`. Knows nothing of the knowledge base, models or what a message means.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from retrieval.scripts import simplified

CHINESE = re.compile(r"[㐀-䶿一-鿿豈-﫿]")
WORD = re.compile(r"[a-z0-9]+(?:['’][a-z]+)?")
_LETTER = re.compile(r"[^\W\d_]")

# Languages that their script alone tells, by the ISO code under which a reply says so.
_SCRIPTS = (
    ("ja", re.compile(r"[ぁ-ヿ]")),
    ("ko", re.compile(r"[가-힣ᄀ-ᇿ]")),
    ("ru", re.compile(r"[Ѐ-ӿ]")),
    ("el", re.compile(r"[Ͱ-Ͽ]")),
    ("ar", re.compile(r"[؀-ۿ]")),
    ("he", re.compile(r"[֐-׿]")),
    ("hi", re.compile(r"[ऀ-ॿ]")),
    ("th", re.compile(r"[฀-๿]")),
)
# Words that make a sentence English whatever it quotes: "What does 包邮 mean?"
_ENGLISH = frozenset(
    "the a an is are was were do does did can could will would how what when where why who which much many i my you"
    " your it this that to of for in on with and or not please have has".split()
)


def language_of(text: str) -> str:
    """The code of the language of a text, `en` where nothing tells another."""
    letters = len(_LETTER.findall(text))
    for code, script in _SCRIPTS:
        if 4 * len(script.findall(text)) >= letters > 0:
            return code
    return "zh" if _is_chinese(text) else "en"


def language_of_last(said: Sequence[str]) -> str:
    """The language of the last of a person's messages; one that tells none ("ok", "123?") goes by those before it."""
    telling = next((text for text in reversed(said) if _tells(text)), said[-1])
    return language_of(telling)


def _is_chinese(text: str) -> bool:
    """Do Chinese characters outweigh Latin words? Brand names in a Chinese sentence do not turn it English."""
    chinese = len(CHINESE.findall(text))
    words = WORD.findall(text.lower())
    english = sum(word in _ENGLISH for word in words) >= 2 and chinese < 2 * len(words)
    return chinese > 0 and chinese >= 0.5 * len(words) and not english


def _tells(text: str) -> bool:
    """Is there enough of a language in it: two words, or one letter of another script?"""
    words = [word for word in WORD.findall(text.lower()) if not word.isdigit()]
    return language_of(text) != "en" or len(words) >= 2


def bare(text: str) -> str:
    """Lower case, Simplified, without punctuation at the ends or between, for matches of whole messages."""
    spaced = re.sub(r"\s+", " ", re.sub(r"[^\w\s'’一-鿿]", " ", simplified(text).lower())).strip().replace("’", "'")
    return re.sub(r"(?<=[一-鿿]) (?=[一-鿿])", "", spaced)
