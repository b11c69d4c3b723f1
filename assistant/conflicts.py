"""Hits that answer the same with different figures: which one counts, and what the customer is told of the other.

Deliberately narrow: two sentences conflict when they make the same statement, with nothing but the figures different.
"Express delivery costs 9.90" is no conflict with "Delivery costs 4.50". Knows passages; nothing of engines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant.claims import Claim, read, sentences
from retrieval.documents import Hit, Passage

CONSIDERED = 5  # hits
# Words by which titles say what kind of page it is and how old, not what it is about.
_KINDS = read(
    "policy terms conditions rules guide handbook manual faq help page document article note notice overview summary"
    " details info information news update updated version draft archive archived old older new newer current previous"
    " internal website online print general 政策 条款 规则 指南 手册 帮助 文档 说明 公告 版本 旧版 新版"
).words
_SHARED = 2  # content words that two statements have in common at least


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two passages that contradict each other; `chosen` is the newer one if `dated`, else the better hit."""

    chosen: Passage
    chosen_says: str
    other: Passage
    other_says: str
    dated: bool


def conflict(question: str, hits: Sequence[Hit]) -> Conflict | None:
    """The first conflict of the best hit with another document's in what the question asks, or None."""
    if not hits:
        return None
    asked = read(question).words
    best = hits[0].passage
    for hit in hits[1:CONSIDERED]:
        other = hit.passage
        if other.document_id == best.document_id or _other_subjects(best, other):
            continue
        for said, other_said in _contradictions(asked, best, other):
            if best.date and other.date and best.date != other.date:
                if best.date > other.date:
                    return Conflict(best, said, other, other_said, True)
                return Conflict(other, other_said, best, said, True)
            return Conflict(best, said, other, other_said, False)
    return None


def _contradictions(asked: frozenset[str], one: Passage, other: Passage) -> Iterator[tuple[str, str]]:
    about_one, about_other = _about(one), _about(other)
    others = [(text, read(text)) for text in sentences(other.text)]
    said = sentences(one.text)
    for text in said:
        claim = read(text)
        if len(said) > 1 and not claim.words & asked:
            continue  # a passage says other things too
        for other_text, other_claim in others:
            if _contradict(claim, about_one, other_claim, about_other):
                yield text, other_text


def _contradict(one: Claim, about_one: frozenset[str], other: Claim, about_other: frozenset[str]) -> bool:
    """The same statement with other figures? Words that only one of them has must be in the other's headings."""
    if not one.facts or not other.facts or one.facts & other.facts or one.negative != other.negative:
        return False
    if not all(fact[0].isdigit() for fact in one.facts | other.facts):
        return False  # two addresses may both be right
    if not (one.words <= other.words | about_other and other.words <= one.words | about_one):
        return False
    shared = (one.words | about_one) & (other.words | about_other)
    return len(one.facts) == len(other.facts) and len(shared) >= _SHARED


def _other_subjects(one: Passage, other: Passage) -> bool:
    """Are they about different things: other entities, or titles or headings that name what the other never does?"""
    if one.entity and other.entity and one.entity != other.entity:
        return True
    everything = [_about(p) | read(p.text).words for p in (one, other)]
    heads = [read(p.question or (p.heading_path[-1] if p.heading_path else "")).words for p in (one, other)]
    titles = [read("" if p.question else p.title).words - _KINDS for p in (one, other)]
    return any(bool(own[0] - everything[1]) and bool(own[1] - everything[0]) for own in (heads, titles))


def _about(passage: Passage) -> frozenset[str]:
    """The words of what a passage is about."""
    if passage.question is not None:
        return read(" ".join((passage.entity or "", passage.question))).words
    return read(" ".join((passage.entity or "", passage.title, *passage.heading_path))).words
