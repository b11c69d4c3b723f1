"""The words staff see in the desk, one dictionary per language, and which language a browser asks for.

Knows nothing of pages or of what customers see (ui/words.py).
"""

from __future__ import annotations

from ui.desk_words_chinese import CHINESE
from ui.desk_words_english import ENGLISH

__all__ = ["CHINESE", "DESK_WORDS", "ENGLISH", "language_of_browser"]

DESK_WORDS = {"en": ENGLISH, "zh": CHINESE}


def language_of_browser(accepted: str) -> str:
    """The first language of an Accept-Language header that we have; English otherwise."""
    codes = (part.split(";")[0].strip()[:2].lower() for part in accepted.split(","))
    return next((code for code in codes if code in DESK_WORDS), "en")
