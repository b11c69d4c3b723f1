"""How words sound, roughly: names that speech recognition or a hurried customer wrote differently come close again.

English spelling only; other scripts keep their characters. Knows nothing of names or indexes.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_HAN = "㐀-鿿"
_TERM = re.compile(rf"[{_HAN}]|[^\W\d_{_HAN}]+(?:['’][^\W\d_{_HAN}]+)*|\d+")

# Spelling to sound, in order; voiced and voiceless pairs fall together only where recognisers confuse them most.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"'s$|s'$", "s"),
        (r"['’]", ""),
        (r"^kn|^gn|^pn", "n"),
        (r"^wr", "r"),
        (r"^ps", "s"),
        (r"^wh", "w"),
        (r"mb$", "m"),
        (r"[st]ion", "xn"),
        (r"tch|ch(?![lr])", "x"),
        (r"sh|sch", "x"),
        (r"ph", "f"),
        (r"ght?(?=$|[^aeiouy])", "t"),
        (r"gh", "g"),
        (r"dge?|g(?=[eiy])", "j"),
        (r"qu", "kw"),
        (r"ck|ch|c(?![eiy])|q", "k"),
        (r"c", "s"),
        (r"z", "s"),
        (r"th", "t"),
        (r"(?<=[aeiouy])h(?![aeiouy])", ""),
        (r"(?<=[^aeiouy])e$", ""),
        (r"(?<=[aeiou])[wy](?![aeiou])", ""),
        (r"[aeiouy]+", "a"),
        (r"(.)\1+", r"\1"),
    )
)


def spoken_words(text: str) -> list[str]:
    """The words of a text as one would say them: lower case, no accents, numbers spelled out, Han one by one."""
    decomposed = unicodedata.normalize("NFKD", text.replace("&", " and ").replace("+", " plus ")).lower()
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return [part for term in _TERM.findall(plain) for part in (_number(term) if term.isdecimal() else [term])]


@lru_cache(maxsize=50_000)
def sound(word: str) -> str:
    """A rough code of how an English word is pronounced: consonant classes, and `a` for any run of vowels."""
    for pattern, replacement in _SOUNDS:
        word = pattern.sub(replacement, word)
    return word


def _number(digits: str) -> list[str]:
    """How a number in a name is said: `39` as thirty nine, `455` as four fifty five."""
    if not digits.isascii() or len(digits) > 4:
        return [digits]
    value = int(digits)
    if value < 20:
        return [_ONES[value]]
    if value < 100:
        return [_TENS[value // 10 - 2], *([_ONES[value % 10]] if value % 10 else [])]
    if value % 1000 == 0:
        return [_ONES[value // 1000], "thousand"]
    lead, rest = divmod(value, 100)
    return [*_number(str(lead)), *(_number(str(rest)) if rest else ["hundred"])]
