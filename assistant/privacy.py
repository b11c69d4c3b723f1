"""Replace personal data by placeholders such as [EMAIL_1], the same one for the same thing within a conversation.

Every placeholder in masked text stands for exactly one original: what looks like a placeholder in the
original is itself replaced. Knows nothing of stores or of training.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import get_args

from assistant.errors import InvalidInput
from assistant.identifiers import ORDER_PATTERNS, Found, Kind, find_identifiers
from assistant.name_words import PARTICLES, TITLES, fold
from assistant.person_names import find_names
from assistant.postal import find_addresses

KINDS: tuple[Kind, ...] = get_args(Kind)
PLACEHOLDER = re.compile(rf"\[({'|'.join(KINDS)})_(\d{{1,9}})\]")
LONGEST = 20_000  # characters looked at in one go


@dataclass(frozen=True)
class MaskRules:
    """What a company sets: how its order numbers look and what of its own is not personal.

    `order_patterns` are regular expressions, each with a group named `value`. `keep` holds e-mail addresses,
    phone numbers, host names (their subdomains too) and single words (products, the company) never masked.
    """

    order_patterns: tuple[str, ...] = ORDER_PATTERNS
    keep: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def orders(self) -> tuple[re.Pattern[str], ...]:
        """The compiled order patterns; raises InvalidInput for one that is broken or has no group `value`."""
        patterns = []
        for source in self.order_patterns:
            try:
                pattern = re.compile(source, re.ASCII)
            except re.error as error:
                raise InvalidInput(f"order pattern {source!r}: {error}") from error
            if "value" not in pattern.groupindex:
                raise InvalidInput(f"order pattern {source!r} has no group (?P<value>…) around the number itself")
            patterns.append(pattern)
        return tuple(patterns)

    @cached_property
    def kept(self) -> frozenset[str]:
        """`keep` as compared: folded, phone numbers by their digits."""
        return frozenset(_key("", value) for value in self.keep)


class Masker:
    """Masks the texts of one conversation; what was seen in one text is known in the next."""

    def __init__(self, rules: MaskRules | None = None, names: Iterable[str] = ()) -> None:
        """`names`: people known to take part, as the log names its authors."""
        self.rules = rules or MaskRules()
        self._placeholders: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._known: set[str] = set().union(*map(_words, names))
        self.originals: dict[str, str] = {}  # placeholder -> the original as first seen

    def mask(self, text: str) -> str:
        """`text` with every piece of personal data replaced by its placeholder; names found are remembered."""
        found = find_personal_data(text, self.rules, self._known)
        self._known |= self._names(text, found)
        return self._replace(text, found)

    def mask_all(self, texts: Sequence[str]) -> list[str]:
        """All texts of a conversation: a name that only one of them gives away is masked in every one."""
        found = [find_personal_data(text, self.rules, self._known) for text in texts]
        names = [self._names(text, things) for text, things in zip(texts, found, strict=True)]
        learnt = set().union(*names) - self._known
        self._known |= learnt
        for i, text in enumerate(texts):
            if not learnt.isdisjoint(_words(text) - names[i]):
                found[i] = find_personal_data(text, self.rules, self._known)
        return [self._replace(text, things) for text, things in zip(texts, found, strict=True)]

    def _replace(self, text: str, found: Sequence[Found]) -> str:
        pieces = []
        last = 0
        for start, end, kind in found:
            pieces += [text[last:start], self._placeholder(kind, text[start:end])]
            last = end
        return "".join([*pieces, text[last:]])

    def unmask(self, text: str) -> str:
        """`text` with this conversation's placeholders turned back into the originals."""
        return PLACEHOLDER.sub(lambda match: self.originals.get(match.group(), match.group()), text)

    def _placeholder(self, kind: Kind, original: str) -> str:
        key = (kind, _key(kind, original))
        if key not in self._placeholders:
            self._counts[kind] += 1
            self._placeholders[key] = f"[{kind}_{self._counts[kind]}]"
            self.originals[self._placeholders[key]] = original
        return self._placeholders[key]

    def _names(self, text: str, found: Iterable[Found]) -> set[str]:
        """Folded words of the names found in `text`."""
        return set().union(*(_words(text[f.start : f.end]) for f in found if f.kind == "NAME"))


def _words(text: str) -> set[str]:
    """Folded words of three letters or more that can be (part of) a name."""
    return {fold(word) for word in re.findall(r"[^\W\d_]{3,}", text)} - TITLES - PARTICLES


def find_personal_data(text: str, rules: MaskRules, known: Collection[str] = ()) -> list[Found]:
    """What to mask in `text`, in order and without overlaps; the surer kind wins a stretch two claim.

    `known` are folded words known to be names here. Texts of any length; work grows linearly.
    """
    if len(text) > LONGEST:
        return _in_parts(text, rules, known)
    claims = [Found(*m.span(), _kind(m.group(1))) for m in PLACEHOLDER.finditer(text)]
    claims += [f for f in find_identifiers(text, rules.orders) if not _is_kept(text[f.start : f.end], f.kind, rules)]
    claims += [Found(*span, "ADDRESS") for span in find_addresses(text)]
    taken = bytearray(len(text))
    chosen = _claim(claims, taken)
    # names are looked for around what is taken, so that words inside a link or an address are none
    blanked = "".join("\x00" if used else c for c, used in zip(text, taken, strict=True)) if any(taken) else text
    names = [Found(*span, "NAME") for span in find_names(blanked, known, rules.kept)]
    return sorted(chosen + _claim(names, taken))


def _in_parts(text: str, rules: MaskRules, known: Collection[str]) -> list[Found]:
    """Cut at white space; a single longer word is cut anywhere."""
    result: list[Found] = []
    start = 0
    while start < len(text):
        end = min(start + LONGEST, len(text))
        if end < len(text):
            end = max(text.rfind("\n", start, end), text.rfind(" ", start, end), start) + 1
            end = end if end > start + 1 else start + LONGEST
        result += [
            Found(f.start + start, f.end + start, f.kind) for f in find_personal_data(text[start:end], rules, known)
        ]
        start = end
    return result


def _claim(claims: Sequence[Found], taken: bytearray) -> list[Found]:
    chosen = []
    for found in claims:
        if found.end > found.start and not any(taken[found.start : found.end]):
            taken[found.start : found.end] = b"\x01" * (found.end - found.start)
            chosen.append(found)
    return chosen


def _kind(name: str) -> Kind:
    return next(kind for kind in KINDS if kind == name)


def _key(kind: str, original: str) -> str:
    """What makes two originals the same: not case, diacritics, titles, nor the spacing of numbers."""
    if PLACEHOLDER.fullmatch(original):
        return original
    digits = re.sub(r"[\s().\-–/]", "", original)
    if digits.lstrip("+").isdigit():
        return digits
    words = fold(original).split()
    if kind == "NAME":
        words = [word for word in words if word.rstrip(".") not in TITLES] or words
    return " ".join(words)


def _is_kept(original: str, kind: Kind, rules: MaskRules) -> bool:
    if not rules.keep:
        return False
    if kind == "URL":
        host = re.sub(r"^\w+://|^www\d?\.|[/:?#].*$", "", re.sub(r"^\w+://", "", original.lower()))
        parts = host.split(".")
        return any(".".join(parts[i:]) in rules.kept for i in range(len(parts)))
    return _key(kind, original) in rules.kept
