"""Cuts documents into passages: by structure first, then by length in model tokens, at sentence borders.

Passages are exact stretches of their section's text, so that a quote can be found again. Knows nothing of
files or of any particular model: it is given a function that counts tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from retrieval.documents import Document, Passage, Section

MAX_TOKENS = 220  # of headings and text together; all-MiniLM-L6-v2 reads 254 word pieces besides its two marks
OVERLAP_TOKENS = 32
RECIPE = "split-1"  # raise with every change of behaviour: ingested documents are then cut again
_LEAST_BODY = 64
_FEW = 12  # characters a token; beyond this a text cannot fit, so it is not counted whole

CountTokens = Callable[[str], int]

_CLOSING = "\"'”’»)\\]）」』】"
_SENTENCE_END = re.compile(rf"(?<=[.!?…])[{_CLOSING}]*\s+|(?<=[。！？；])[{_CLOSING}]*\s*|[^\S\n]*\n\s*")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\.g|i\.e|cf|No|Nos|Inc|Ltd|Co|Corp|Fig|approx|dept|tel|ext)|\b[A-Z]|^\s*\d{1,3})\.$",
    re.MULTILINE,
)
_CLAUSE_END = re.compile(r"(?<=[,;:，、：])\s*|\s+")


@dataclass(frozen=True, slots=True)
class _Span:
    """A sentence: characters `start` to `end` of a text, its tokens, and whether it opens a paragraph."""

    start: int
    end: int
    tokens: int
    opens_paragraph: bool


def split(document: Document, count_tokens: CountTokens, max_tokens: int = MAX_TOKENS) -> list[Passage]:
    """The passages of a document in order, each at most `max_tokens` tokens with its title, headings or question."""
    if document.question is not None:
        body = Section("\n\n".join(document.answers))
        budget = _budget(document.question, count_tokens, max_tokens)
        return _number(document, [(body, text) for text in _cut(body.text, count_tokens, budget)])
    found: list[tuple[Section, str]] = []
    for section in document.sections:
        lead = " > ".join((document.title, *section.heading_path))
        budget = _budget(lead, count_tokens, max_tokens)
        found.extend((section, text) for text in _cut(section.text, count_tokens, budget))
    return _number(document, found)


def sentences(text: str) -> list[str]:
    """The sentences of a text in order, English and Chinese; a line break ends one too."""
    return [text[start:end].strip() for start, end in _sentence_spans(text) if text[start:end].strip()]


def _number(document: Document, texts: Sequence[tuple[Section, str]]) -> list[Passage]:
    return [
        Passage(
            id=f"{document.id}#{n}",
            document_id=document.id,
            title=document.title,
            source=document.source,
            text=text,
            path=document.path,
            heading_path=section.heading_path,
            page=section.page,
            row=document.row,
            url=document.url,
            question=document.question,
            entity=document.entity,
            language=document.language,
            tags=document.tags,
            date=document.date,
        )
        for n, (section, text) in enumerate(texts)
    ]


def _budget(lead: str, count_tokens: CountTokens, max_tokens: int) -> int:
    return max(_LEAST_BODY, max_tokens - count_tokens(lead))


def _cut(text: str, count_tokens: CountTokens, budget: int) -> list[str]:
    """Stretches of `text` of at most `budget` tokens each; nothing but white space is left out."""
    stripped = text.strip()
    if not stripped:
        return []
    if len(stripped) <= budget or (len(stripped) <= budget * _FEW and count_tokens(stripped) <= budget):
        return [stripped]
    spans = list(_measured_spans(stripped, count_tokens, budget))
    return [stripped[group[0].start : group[-1].end].strip() for group in _pack(spans, budget)]


def _pack(spans: Sequence[_Span], budget: int) -> Iterator[list[_Span]]:
    """Groups of following spans within the budget; a paragraph that fits whole is not begun in a group half full."""
    group: list[_Span] = []
    used = 0
    for at, span in enumerate(spans):
        full = used + span.tokens > budget
        if span.opens_paragraph and used > budget // 2:
            paragraph = _paragraph_tokens(spans, at, budget)
            full = full or (used + paragraph > budget >= paragraph)
        if group and full:
            yield group
            keep = not span.opens_paragraph and group[-1].tokens <= min(OVERLAP_TOKENS, budget - span.tokens)
            group = [group[-1]] if keep and len(group) > 1 else []
            used = sum(s.tokens for s in group)
        group.append(span)
        used += span.tokens
    if group:
        yield group


def _paragraph_tokens(spans: Sequence[_Span], at: int, enough: int) -> int:
    total = spans[at].tokens
    for span in spans[at + 1 :]:
        if span.opens_paragraph or total > enough:
            break
        total += span.tokens
    return total


def _measured_spans(text: str, count_tokens: CountTokens, budget: int) -> Iterator[_Span]:
    opens = True
    for start, end in _sentence_spans(text):
        piece = text[start:end]
        for a, b, tokens in _fit(text, start, end, count_tokens, budget):
            yield _Span(a, b, tokens, opens)
            opens = False
        opens = "\n\n" in piece or bool(re.search(r"\n\s*\n", piece))


def _sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for found in _SENTENCE_END.finditer(text):
        at_line_end = "\n" in found.group()
        if not at_line_end and _goes_on(text, start, found.start(), found.end()):
            continue
        if found.end() > start:
            yield start, found.end()
            start = found.end()
    if start < len(text):
        yield start, len(text)


def _goes_on(text: str, start: int, mark: int, after: int) -> bool:
    """Whether the full stop before `mark` ends an abbreviation or a list number rather than a sentence."""
    if text[mark - 1 : mark] != ".":
        return False
    return text[after : after + 1].islower() or bool(_ABBREVIATION.search(text[max(start, mark - 12) : mark]))


def _fit(text: str, start: int, end: int, count_tokens: CountTokens, budget: int) -> Iterator[tuple[int, int, int]]:
    """Cut one sentence that is too long at a clause or word border, or anywhere in text without any."""
    while end - start > budget:
        tokens = count_tokens(text[start : min(end, start + budget * _FEW)])
        if tokens <= budget and end - start <= budget * _FEW:
            yield start, end, tokens
            return
        window = min(end - start, budget * _FEW)
        stop = start + max(1, int(window * budget / max(tokens, budget) * 0.9))
        stop = _border_before(text, start, stop)
        while (tokens := count_tokens(text[start:stop])) > budget:
            stop = start + (stop - start) // 2
        yield start, stop, tokens
        start = stop
    if end > start:
        yield start, end, count_tokens(text[start:end])


def _border_before(text: str, start: int, stop: int) -> int:
    least = start + (stop - start) // 2
    borders = [found.end() for found in _CLAUSE_END.finditer(text, least, stop)]
    return borders[-1] if borders else stop
