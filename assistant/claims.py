"""Takes a text apart into what it asserts: numbers and addresses, names, content words in order, and polarity.

English and Chinese, by words alone; knows nothing of passages or of what supports what.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(
    r"https?://[^\s<>()]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\d+(?:(?:[.,:/]|\s?[-–—]\s?)\d+)*"
    r"|[^\W\d_㐀-鿿]+(?:['’][^\W\d_]+)?|[㐀-鿿]+"
)
_ENDS = re.compile(
    r"(?<!\b[A-Za-z])(?<!\be\.g)(?<!\bi\.e)(?<!\bNo)(?<!\bMr)(?<!\bDr)[.!?][\"”')\]]*(?=\s)|[。！？]+[”」』]?|\n+"
)

_DASH = re.compile(r"\s?[-–—]\s?")
_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
} | {"fourteen": "14", "fifteen": "15", "twenty": "20", "thirty": "30", "sixty": "60", "ninety": "90"}
_NEGATION = frozenset("not no never cannot without none neither nor unable unfortunately except unless".split())
_NEGATION_ZH = re.compile(r"不(?:能|可|会|是|支持|接受|提供|得|予|需|用|收)|没有|无法|未|禁止|除外|谢绝")
# Words that bound what stands beside them: "at most 60 watts" is not "60 watts".
_LIMITS = frozenset(
    "most least up maximum minimum max min over under above below than only per each every from until unless if within"
    " between before after first additional extra".split()
)
# Chinese function words part a run of characters; what stands between them is read as pairs of characters.
_GLUE_ZH = re.compile(
    r"可以|不能|不可以|不会|能够|我们|您的|你的|您|你|我|请问|请|谢谢|抱歉|吗|呢|吧|啊|的|了|是|会|能|在|和|与|或|及|也|都|就|还|把|被"
    r"|对|从|到|为|以|于|后|内|前|这|那|个|如果|因为|所以|但是|需要|进行|什么|怎么|如何|多少|没有|不"
)
# Words that carry no fact of their own: function words and the manners of service.
_GLUE = frozenset(
    """
    a an and are as at be been being but by can could did do does doing for from had has have having he her here hers
    him his how i if in into is it its itself just me my of off on or other our ours out own same she should so some
    such than that the their theirs them then there these they this those through to too until us very was we were what
    when where which while who whom why will with would you your yours yourself may might must shall also any all both
    about again during because however whether via let yes yeah ok okay sure please thank thanks thankyou sorry
    apologize apologies hello hi dear glad happy welcome help assist assistance question questions know need want wish
    feel hope else anything something certainly course absolutely indeed answer regards kind kindly understand
    appreciate according information hear inquiry enquiry concern assure following based
    """.split()
)


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    """A light English stem: enough to match inflections, not to be a word."""
    for suffix, keep in (("ization", 4), ("ations", 3), ("ation", 3), ("ing", 3), ("ies", 2), ("ed", 3), ("ly", 4)):
        if word.endswith(suffix) and len(word) - len(suffix) >= keep:
            word = word[: -len(suffix)]
            break
    else:
        if word.endswith("es") and len(word) > 4:
            word = word[:-2]
        elif word.endswith("s") and not word.endswith("ss") and len(word) > 3:
            word = word[:-1]
    word = word[:-1] if word.endswith(("e", "y", "i")) and len(word) > 3 else word
    return word[:-1] if len(word) > 4 and word[-1] == word[-2] else word


@dataclass(frozen=True, slots=True)
class Claim:
    """What a piece of text asserts. `order` holds facts and content words as they follow each other."""

    facts: frozenset[str]  # numbers, ranges, addresses
    words: frozenset[str]  # content words, stemmed; pairs of Chinese characters
    limits: frozenset[str]  # words that bound a number: at most, up to, from, per ...
    order: tuple[str, ...]
    negative: bool


def _normal_number(text: str) -> str:
    parts = (part.replace(",", "").lstrip("0").rstrip(".") for part in _DASH.split(text))
    return "-".join(part if part[:1].isdigit() else f"0{part}" for part in parts)


def _fact(token: str, lower: str) -> str | None:
    """The number, range or address that a token is, in one spelling."""
    if token[0].isdigit():
        return _normal_number(token)
    if "@" in token or lower.startswith("http"):
        return lower.rstrip(".,;/")
    return _NUMBERS.get(lower) if lower != "one" else None


def read(text: str) -> Claim:
    """Take a text apart into what has to be supported."""
    facts: set[str] = set()
    limits: set[str] = set()
    order: list[str] = []
    negative = bool(_NEGATION_ZH.search(text))
    for match in _TOKEN.finditer(text):
        token = match[0]
        lower = token.lower().replace("’", "'")
        if (fact := _fact(token, lower)) is not None:
            facts.add(fact)
            order.append(fact)
        elif "㐀" <= token[0] <= "鿿":
            for run in filter(None, _GLUE_ZH.split(token)):
                order += [run[i : i + 2] for i in range(max(1, len(run) - 1))]
        elif lower in _NEGATION or lower.endswith("n't"):
            negative = True
        elif lower in _LIMITS:
            limits.add(lower)
        elif (plain := lower.split("'")[0]) not in _GLUE and len(plain) > 1:
            order.append(_stem(plain))
    return Claim(frozenset(facts), frozenset(order) - facts, frozenset(limits), tuple(order), negative)


def begins_function_word(letters: str) -> bool:
    """May these first letters, lower case, become a word that carries no fact of its own?"""
    return any(word.startswith(letters) for word in _GLUE)


def sentences(text: str) -> list[str]:
    """Sentences of a text in order; English and Chinese ends, and line breaks."""
    parts, begin = [], 0
    for match in _ENDS.finditer(text):
        parts.append(text[begin : match.end()])
        begin = match.end()
    parts.append(text[begin:])
    return [part.strip() for part in parts if part.strip()]


def first_end(text: str) -> int | None:
    """Where the first whole sentence of a running text ends, or None while it is not complete."""
    end = _ENDS.search(text)
    return end.end() if end else None
