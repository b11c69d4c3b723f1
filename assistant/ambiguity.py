"""Several things that a question may be about, none of which it names: "which one do you mean?"

Looks at a search's best hits, by words and figures; what is done about it is decided in `policy.py`.
"""

from __future__ import annotations

import re

from assistant.claims import read, sentences
from assistant.conflicts import conflict
from retrieval.documents import Passage, SearchResult
from retrieval.lexical import words
from retrieval.ranking import ASKING
from retrieval.views import lexical_text

AS_GOOD = 0.1  # of a score: less than what a passage about something that was named leads by
MOST = 5  # things that are offered

# Questions whose answer is a number, a time or a price.
ASKS_NUMBER = re.compile(
    r"\b(?:when|how (?:long|many|much|often|soon|late|early|old|far)|what (?:time|price|amount)|costs?|fees?)\b"
    r"|\bwhat(?:'s| is| are) .*\b(?:limits?|prices?|rates?|minimum|maximum|charges?|hours)\b"
    r"|多少|多久|多长|几[天个点次小工]|什么时候|费"
)


def subject_of(passage: Passage) -> str:
    """What a passage is about, in one line."""
    subject = passage.question or (passage.heading_path[-1] if passage.heading_path else passage.title)
    return (f"{passage.entity}: {subject}" if passage.entity and passage.entity not in subject else subject).strip()


def things_meant(found: SearchResult, question: str) -> tuple[str, ...]:
    """What to ask back about; fewer than two where the question is clear enough."""
    named = _same_of_several(found)
    return named if len(named) > 1 else _other_figures(found, question)


def _same_of_several(found: SearchResult) -> tuple[str, ...]:
    """What the best FAQ entries are about, if they answer the same of several named things of which none was named.

    "Is there parking?" is answered for every hotel, and not alike; entries about one that was named lead by far.
    """
    best = found.hits[0]
    asked = _asked_of_any(best.passage)
    if not asked or best.passage.entity is None:
        return ()
    alike = [
        hit.passage
        for hit in found.hits
        if best.score - hit.score < AS_GOOD and hit.passage.entity and _asked_of_any(hit.passage) == asked
    ]
    names = tuple(dict.fromkeys(passage.entity for passage in alike if passage.entity))
    return names[:MOST] if len({passage.text for passage in alike}) > 1 else ()


def _asked_of_any(passage: Passage) -> tuple[str, ...]:
    """The words of a FAQ entry's question but for the name of what it is about."""
    of = set(words(passage.entity or ""))
    return tuple(word for word in words(passage.question or "") if word not in of)


def _other_figures(found: SearchResult, question: str) -> tuple[str, ...]:
    """What the best passages are about, if all have every word of the question and each gives other figures.

    "What is the withdrawal limit?" has an answer for every account; to name the account leaves out the others.
    """
    if not ASKS_NUMBER.search(question.lower()) or conflict(question, found.hits) is not None:
        return ()
    asked, best = frozenset(words(question)) - ASKING, found.hits[0]
    answers = [
        (hit.passage, figures)
        for hit in found.hits
        if best.score - hit.score < AS_GOOD and (figures := _figures(hit.passage, asked))
        if asked and asked <= frozenset(words(lexical_text(hit.passage)))
    ]
    if not answers or answers[0][0] is not best.passage:
        return ()  # what the evidence speaks of is no such answer
    given: dict[str, frozenset[str]] = {}
    for passage, figures in answers:
        if not any(figures <= others or others <= figures for others in given.values()):
            given[label(passage)] = figures
    return tuple(given)[:MOST]


def _figures(passage: Passage, asked: frozenset[str]) -> frozenset[str]:
    """The numbers of the sentences that have a word of the question; of all, where the headings have them."""
    said = sentences(passage.text)
    near = [text for text in said if asked.intersection(words(text))] or said
    return frozenset(fact for text in near for fact in read(text).facts if fact[0].isdigit())


def label(passage: Passage) -> str:
    """What tells it from passages of other documents: its subject after the title."""
    subject = subject_of(passage)
    return subject if passage.question or subject == passage.title else f"{passage.title}: {subject}"
