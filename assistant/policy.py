"""Decide what to do with an understood message: answer, ask back, chat, or bring in a person.

Knows evidence and settings; nothing of how passages were found or how replies are worded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from assistant.ambiguity import label, subject_of, things_meant
from assistant.conversation import Action
from assistant.settings import Settings
from assistant.templates import Fitting
from assistant.understand import Understanding
from retrieval.documents import SearchResult
from retrieval.lexical import words
from retrieval.views import lexical_text


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
    return tuple(subject for subject in subjects if subject)[:most]


def as_chosen(found: SearchResult, choice: str, most: int) -> SearchResult:
    """The best hits. Those about what the customer chose come first and, if there are any, are surely meant."""
    about = tuple(hit for hit in found.hits if choice in (subject_of(hit.passage), label(hit.passage)))
    others = tuple(hit for hit in found.hits if hit not in about)
    return replace(found, hits=(about + others)[:most], evidence=1.0 if about else found.evidence)


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
        settled = understood.offered or found.evidence >= 1  # asking once is enough; what was given or chosen is meant
        things = () if settled else things_meant(found, understood.question)
        if len(things) > 1:
            return Decision("clarify", "several_subjects", things)
        return Decision("answer", "evidence")
    meanings = options(found, understood.question) if found.evidence >= settings.clarify_evidence else ()
    if meanings and meanings != understood.offered:  # not the same again: it did not help
        return Decision("clarify", "several_meanings" if len(meanings) > 1 else "one_meaning", meanings)
    return Decision("hand_over", "thin_evidence")
