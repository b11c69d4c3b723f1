"""Which texts of a passage are embedded, and which one the keyword index sees.

Knows nothing of models or indexes.
"""

from __future__ import annotations

from retrieval.documents import Passage


def views(passage: Passage) -> tuple[str, ...]:
    """The texts of a passage that get one vector each, most complete first.

    A FAQ entry is found by its question with the answer, and by its question alone.
    """
    if passage.question is None:
        return (lexical_text(passage),)
    return (lexical_text(passage), head(passage))


def lexical_text(passage: Passage) -> str:
    """The whole text of a passage: entity, question or headings, and body."""
    return f"{head(passage)}\n{passage.text}".strip()


def head(passage: Passage) -> str:
    """The entity and the question, or the title and headings."""
    lead = f"{passage.entity}: " if passage.entity else ""
    if passage.question is not None:
        return lead + passage.question
    return lead + " > ".join(dict.fromkeys((passage.title, *passage.heading_path)))
