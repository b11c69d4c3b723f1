"""Decide what to do with an understood message: answer, ask back, chat, or bring in a person.

Knows evidence and settings; nothing of how passages were found or how replies are worded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from assistant.conversation import Action
from assistant.settings import Settings
from assistant.templates import Fitting
from assistant.understand import Understanding
from retrieval.documents import Passage, SearchResult
from retrieval.lexical import words
from retrieval.views import lexical_text

AS_GOOD = 0.1  # of a score: less than what a passage about something that was named leads by


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason` is a code for the trace and, for `hand_over`, for staff."""

    action: Action
    reason: str
    options: tuple[str, ...] = ()  # for `clarify`: what the customer may have meant


def options(found: SearchResult, question: str, most: int = 3) -> tuple[str, ...]:
    """What the best hits are about, one line a document, best first.

    The evidence speaks of the first; the others must share a word with the question. Vectors find a nearest passage for
    any nonsense, and asking "do you mean ...?" with such a one would be odd.
    """
    asked = set(words(question))
    subjects: dict[str, str] = {}
    for place, hit in enumerate(found.hits):
        passage = hit.passage
        if place and asked.isdisjoint(words(lexical_text(passage))):
            continue
        subjects.setdefault(subject_of(passage), passage.document_id)
    return tuple(label for label in subjects if label)[:most]


def subject_of(passage: Passage) -> str:
    """What a passage is about, in one line."""
    subject = passage.question or (passage.heading_path[-1] if passage.heading_path else passage.title)
    return (f"{passage.entity}: {subject}" if passage.entity and passage.entity not in subject else subject).strip()


def as_chosen(found: SearchResult, choice: str, most: int) -> SearchResult:
    """The best hits. Those about what the customer chose come first and, if there are any, are surely meant."""
    about = tuple(hit for hit in found.hits if subject_of(hit.passage) == choice)
    others = tuple(hit for hit in found.hits if subject_of(hit.passage) != choice)
    return replace(found, hits=(about + others)[:most], evidence=1.0 if about else found.evidence)


def same_of_several(found: SearchResult, most: int = 5) -> tuple[str, ...]:
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
    return names[:most] if len({passage.text for passage in alike}) > 1 else ()


def _asked_of_any(passage: Passage) -> tuple[str, ...]:
    """The words of a FAQ entry's question but for the name of what it is about."""
    of = set(words(passage.entity or ""))
    return tuple(word for word in words(passage.question or "") if word not in of)


def decide(
    understood: Understanding, found: SearchResult, settings: Settings, fitting: Fitting | None = None
) -> Decision:
    """The one place where a turn's course is chosen."""
    if understood.wants_person:
        return Decision("hand_over", "asked_for_person")
    if understood.left_open:
        return Decision("clarify", "left_open", understood.offered)
    if understood.small_talk:
        return Decision("small_talk", understood.small_talk)
    if fitting is not None:
        return Decision("template", "approved_template")
    if found.hits and found.evidence >= settings.answer_evidence:
        if understood.chosen is None and len(names := same_of_several(found)) > 1:
            return Decision("clarify", "several_subjects", names)
        return Decision("answer", "evidence")
    meanings = options(found, understood.question) if found.evidence >= settings.clarify_evidence else ()
    if meanings and meanings != understood.offered:  # not the same again: it did not help
        return Decision("clarify", "several_meanings" if len(meanings) > 1 else "one_meaning", meanings)
    return Decision("hand_over", "thin_evidence")
