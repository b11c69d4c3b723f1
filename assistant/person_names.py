"""Find the names of people in free text by name lists, capital letters and the words around them.

Rules, no model: thousands of texts a second. Knows nothing of placeholders or other personal data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from assistant.chinese_names import find_chinese_names
from assistant.name_words import (
    CAPITAL,
    CAPITALISED,
    CERTAIN,
    CONTRACTED,
    END_OF_CALL,
    GREETINGS,
    HANDLE,
    LOWER,
    NAMING,
    NAMING_PAIRS,
    NOT_BEFORE_NAMES,
    PARTICLES,
    PERSON_VERBS,
    PLACE_BEFORE,
    PLACE_OR_FIRM_AFTER,
    PLACE_PREFIXES,
    POSSIBLE,
    SENTENCE_END,
    SUFFIXES,
    SURELY_NAMING,
    SURNAME,
    TITLES,
    UNKNOWN,
    UPPER,
    WORD,
    fold,
    name_list,
)


class Token(NamedTuple):
    """A word with its place in the text, its code in the list and whether a sentence may start here."""

    start: int
    end: int
    folded: str
    code: str
    shape: str
    starts_sentence: bool


def find_names(text: str, known: Collection[str] = (), house: Collection[str] = ()) -> list[tuple[int, int]]:
    """Character ranges of person names in `text`, in order.

    `known` are folded words that are names here, `house` folded words that are not (products, places of business).
    """
    found = _find_latin(text, known, house)
    return sorted(found + find_chinese_names(text)) if not text.isascii() else found


def unlisted_words(text: str) -> Iterator[tuple[str, bool]]:
    """Capitalised words no list knows, folded, each with whether it stands where a name would: "Hi …", "^…", "…,"."""
    codes = name_list()
    if all(fold(word) in codes for word in CAPITALISED.findall(text)):
        return
    tokens = _tokens(text, ())
    for i, token in enumerate(tokens):
        if token.code == UNKNOWN and token.shape == CAPITAL and len(token.folded) > 2:
            signed = text[max(0, token.start - 2) : token.start].strip()[-1:] in ("^", "*", "-", "~", "@")
            called = text[token.end : token.end + 1] in ("!", ",") or text[token.end :].strip() == ""
            comma = text[max(0, token.start - 2) : token.start].strip() == ","
            yield token.folded, signed or (called and comma) or _cue(tokens, i, text) > 0 or _acts(tokens, i)


def _find_latin(text: str, known: Collection[str], house: Collection[str]) -> list[tuple[int, int]]:
    tokens = _tokens(text, house)
    # a text without capitals, or all in capitals, says nothing by them
    cased = any(token.shape == CAPITAL and len(token.folded) > 1 for token in tokens)
    named = [_is_known(token, known) or _is_name(tokens, i, cased, text) for i, token in enumerate(tokens)]
    _spread(text, tokens, named, cased)
    return _ranges(text, tokens, named)


def _tokens(text: str, house: Collection[str]) -> list[Token]:
    codes = name_list()
    result = []
    last = 0
    for match in WORD.finditer(text):
        start, end = match.span()
        word = match.group()
        if word[-2:] in ("'s", "’s", "'S"):
            end, word = end - 2, word[:-2]
        folded = fold(word)
        code = codes.get(folded)
        if code is None:
            code = _compound_code(folded, codes)
        if folded in house or text[start - 1 : start] in HANDLE or text[end : end + 1] == "_":
            code = "w"
        shape = LOWER if word[0].islower() else UPPER if word.isupper() and len(word) > 1 else CAPITAL
        gap = text[last:start]
        result.append(Token(start, end, folded, code, shape, last == 0 or not SENTENCE_END.isdisjoint(gap)))
        last = end
    return result


def _compound_code(folded: str, codes: Mapping[str, str]) -> str:
    """Of `jean-luc` or `o'neil`: that of a part that is surely a name, or of a word, or unknown."""
    parts = re.split(r"[-'’]", folded)
    if len(parts) == 1:
        return UNKNOWN
    found = [codes.get(part, UNKNOWN) for part in parts]
    if parts[-1] in CONTRACTED or all(code in ("w", "p") for code in found):
        return "w"
    if any(code in ("w", "p", "s", "m") for code in found):
        return "s"
    return next((code for code in found if code and code in CERTAIN), UNKNOWN)


def _is_known(token: Token, known: Collection[str]) -> bool:
    """Of a name learnt elsewhere; one that is also a word ("Mark") still needs its capital letter."""
    return token.folded in known and (token.shape != LOWER or token.code == UNKNOWN or token.code in CERTAIN)


def _is_name(tokens: list[Token], i: int, cased: bool, text: str) -> bool:
    """Whether token `i` is a name by itself and the words around it."""
    token = tokens[i]
    if token.code == "w" or len(token.folded) < 2:
        return False
    cue = _cue(tokens, i, text)
    if not cased or token.shape == LOWER:
        return _is_uncased_name(token, cue)
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    if after and after.folded in PLACE_OR_FIRM_AFTER and text[token.end : after.start] == " ":
        return False
    if i > 0 and tokens[i - 1].folded in PLACE_PREFIXES and tokens[i - 1].shape == CAPITAL:
        return False
    if token.code == UNKNOWN:
        return cue >= 1 or _is_unknown_name(tokens, i, text)
    if cue >= 3 or (token.code == "f" and (token.shape == CAPITAL or len(token.folded) > 3)):
        return True
    if token.code in "glmn":
        return cue >= 1 or _is_listed_name(tokens, i, text)
    return False


def _is_uncased_name(token: Token, cue: int) -> bool:
    """Where capitals tell nothing: familiar first names, others only where the words before say so."""
    if token.code == UNKNOWN or token.code == "p":
        return cue >= 3
    if cue >= 2:
        return token.code not in "st" or cue >= 3
    return len(token.folded) > 3 and (token.code == "f" or (token.code == "g" and len(token.folded) > 4))


def _is_listed_name(tokens: list[Token], i: int, text: str) -> bool:
    """Of a capitalised word that is a name, but rarely so, or also a word or a place."""
    token = tokens[i]
    if token.shape != CAPITAL:
        return False
    if token.code in "gl":
        return True
    if token.code == "n":
        return not (i > 0 and tokens[i - 1].folded in PLACE_BEFORE - {"at"})
    return not token.starts_sentence or _acts(tokens, i) or _full_name_starts(text, tokens, i) or _speaks(token, text)


def _is_unknown_name(tokens: list[Token], i: int, text: str) -> bool:
    """Of a capitalised word in no list: by its ending, by what it does, or in the middle of a sentence."""
    token = tokens[i]
    if token.shape != CAPITAL or len(token.folded) < 3 or not text[token.start + 1 : token.end].islower():
        return False
    if (len(token.folded) > 4 and SURNAME.search(token.folded)) or _acts(tokens, i) or _speaks(token, text):
        return True
    before = tokens[i - 1].folded if i else ""
    addressed = (
        i > 0 and text[tokens[i - 1].end : token.start] == ", " and text[token.end : token.end + 1] in END_OF_CALL
    )
    if addressed:
        return True
    alone = text[token.end : token.end + 1] not in ("-", "/", "&", "_")
    return len(token.folded) > 3 and alone and not token.starts_sentence and before not in NOT_BEFORE_NAMES


def _full_name_starts(text: str, tokens: list[Token], i: int) -> bool:
    """Whether a capitalised surname follows token `i`."""
    if i + 1 == len(tokens) or not _joins(text, tokens, i, i + 1):
        return False
    after = tokens[i + 1]
    return after.shape == CAPITAL and (after.code == UNKNOWN or after.code in POSSIBLE)


def _cue(tokens: list[Token], i: int, text: str) -> int:
    """How surely the words before token `i` announce a name: 3 title or "name is", 2 "I'm", 1 greeting, 0 not."""
    if i == 0:
        return 0
    before = tokens[i - 1]
    gap = text[before.end : tokens[i].start]
    if len(gap) > 8 or "\n\n" in gap or any(c in gap for c in "!?;@#/"):
        return 0
    word = before.folded
    if word in TITLES:
        return 3
    first = tokens[i - 2].folded if i > 1 else ""
    if word == "named" or (word == "name" and ":" in gap) or (first, word) in SURELY_NAMING:
        return 3
    if "." in gap:
        return 0
    if (first, word) in NAMING_PAIRS or word in NAMING:
        return 2
    return 1 if word in GREETINGS else 0


def _acts(tokens: list[Token], i: int) -> bool:
    """Whether a person's verb follows."""
    return i + 1 < len(tokens) and tokens[i + 1].folded in PERSON_VERBS


def _speaks(token: Token, text: str) -> bool:
    """Whether the token is the speaker's label of a line, as in "Anna: hello"."""
    line_start = token.start == 0 or text[token.start - 1] in "\n>"
    return line_start and text[token.end : token.end + 1] == ":" and len(token.folded) > 2


def _spread(text: str, tokens: list[Token], named: list[bool], cased: bool) -> None:
    """From sure names to the surnames, first names and particles beside them, and along lists of names."""
    for i in range(1, len(tokens)):
        if named[i - 1] and not named[i]:
            introduced = tokens[i].code in POSSIBLE and _cue(tokens, i - 1, text) >= 3
            named[i] = _joins(text, tokens, i - 1, i) and (introduced or _continues(tokens, i, cased))
        if not named[i]:
            left = i - 2 if tokens[i - 1].folded in ("and", "or") and i > 1 else i - 1
            named[i] = named[left] and _is_listed_with(text, tokens, left, i, tokens[i])
    for i in range(len(tokens) - 2, -1, -1):
        if named[i + 1] and not named[i]:
            named[i] = _joins(text, tokens, i, i + 1) and _precedes(tokens[i])
        if not named[i]:
            right = i + 2 if tokens[i + 1].folded in ("and", "or") and i + 2 < len(tokens) else i + 1
            named[i] = named[right] and _is_listed_with(text, tokens, i, right, tokens[i])


def _joins(text: str, tokens: list[Token], left: int, right: int) -> bool:
    gap = text[tokens[left].end : tokens[right].start]
    return gap == " " or (gap == ". " and tokens[left].end - tokens[left].start == 1)


def _is_listed_with(text: str, tokens: list[Token], left: int, right: int, token: Token) -> bool:
    """Whether `token` stands beside a name in an enumeration, as in "Eklund, Warren and Bailey"."""
    gap = text[tokens[left].end : tokens[right].start]
    possible = len(token.folded) > 1 and (token.code == UNKNOWN or token.code in "fglmn")
    return gap in (", ", " & ", " and ", " or ") and token.shape == CAPITAL and possible


def _continues(tokens: list[Token], i: int, cased: bool) -> bool:
    """Whether token `i`, right after a name, belongs to it."""
    token = tokens[i]
    if token.folded in SUFFIXES:
        return token.shape != LOWER or not cased
    if cased and token.shape == LOWER:
        return _surname_follows(tokens, i)
    if len(token.folded) == 1:
        return cased and token.folded != "i"
    if token.folded in PLACE_OR_FIRM_AFTER:
        return False
    if cased:
        return token.code == UNKNOWN or token.code in POSSIBLE
    return (token.code == UNKNOWN and len(token.folded) > 3) or token.code in "fgl"


def _surname_follows(tokens: list[Token], i: int) -> bool:
    """Whether particles from `i` on lead to a capitalised word."""
    for token in tokens[i : i + 4]:
        if token.shape != LOWER:
            return True
        if token.folded not in PARTICLES:
            return False
    return False


def _precedes(token: Token) -> bool:
    """Whether a capitalised word right before a name belongs to it."""
    if token.shape != CAPITAL or token.folded in GREETINGS or token.folded in TITLES:
        return False
    if token.code == UNKNOWN:
        return True
    return token.code in "fglmn" or (token.code in "st" and not token.starts_sentence and len(token.folded) > 3)


def _ranges(text: str, tokens: list[Token], named: list[bool]) -> list[tuple[int, int]]:
    """Neighbouring named tokens become one range; a title before them belongs to it."""
    ranges: list[tuple[int, int]] = []
    previous = -2
    for i, token in enumerate(tokens):
        if not named[i]:
            continue
        titled = i > 0 and tokens[i - 1].folded in TITLES and text[tokens[i - 1].end : token.start] in (" ", ". ", ".")
        if previous == i - 1 and _joins(text, tokens, i - 1, i):
            ranges[-1] = (ranges[-1][0], token.end)
        else:
            ranges.append((tokens[i - 1].start if titled else token.start, token.end))
        previous = i
    return ranges
