"""Which texts of a passage are embedded, and which one the keyword index sees.

Knows nothing of models or indexes.
"""

from __future__ import annotations

from retrieval.documents import Passage


def views(passage: Passage) -> tuple[str, ...]:
    """The texts of a passage that get one vector each, most complete first."""
    lead = f"{passage.entity}: " if passage.entity else ""
    if passage.question is not None:
        question = lead + passage.question
        return (f"{question}\n{passage.text}", question)
    return (_with_heading(passage, lead),)


def lexical_text(passage: Passage) -> str:
    """The text of a passage whose words are indexed: entity, question or headings, and body."""
    lead = f"{passage.entity}: " if passage.entity else ""
    if passage.question is not None:
        return f"{lead}{passage.question}\n{passage.text}"
    return _with_heading(passage, lead)


def _with_heading(passage: Passage, lead: str) -> str:
    heading = " > ".join(dict.fromkeys((passage.title, *passage.heading_path)))
    return f"{lead}{heading}\n{passage.text}"
