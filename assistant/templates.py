"""Which approved wording fits a question, and its slots filled from what the operator has vouched for.

A template is served only when the question is nearly one of its own, no other template is as near, and every slot has
a verified value. Knows vectors and templates; nothing of SQL or turns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from assistant.conversation import Intent
from assistant.store_templates import Template

SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
CLEAR_LEAD = 0.02  # of cosine over the next template that says something else


@dataclass(frozen=True, slots=True)
class Fitting:
    """A template's filled text and how near the question is to its questions."""

    template: Template
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class TemplateShelf:
    """The approved templates with a unit vector for each of their questions."""

    templates: tuple[Template, ...]
    vectors: np.ndarray  # (n, d)
    owner: np.ndarray  # (n,) number of each vector's template

    def fitting(
        self,
        vector: np.ndarray,
        language: str,
        intent: Intent | None,
        *,
        moment: datetime,
        values: Mapping[str, str],
        least: float,
    ) -> Fitting | None:
        """The template to serve, None when in doubt. `vector` (d,) is the question's."""
        usable = np.array([t.language == language and t.valid_at(moment) for t in self.templates], dtype=bool)
        if not usable.any():
            return None
        scores = np.full(len(self.templates), -1.0)
        np.maximum.at(scores, self.owner, self.vectors @ vector)
        scores[~usable] = -1.0
        best = int(scores.argmax())
        template = self.templates[best]
        others = [s for s, t in zip(scores, self.templates, strict=True) if t.text != template.text]
        if scores[best] < least or scores[best] < max(others, default=-1.0) + CLEAR_LEAD:
            return None
        if template.intent is not None and intent is not None and intent.name != template.intent:
            return None
        text = filled(template.text, values)
        return None if text is None else Fitting(template, text, round(float(scores[best]), 4))


def slots(text: str) -> tuple[str, ...]:
    """Names of the slots, each once, in order."""
    return tuple(dict.fromkeys(SLOT.findall(text)))


def filled(text: str, values: Mapping[str, str]) -> str | None:
    """The text with its slots filled, None when one has no verified value."""
    if any(not values.get(name) for name in slots(text)):
        return None
    return SLOT.sub(lambda match: values[match[1]], text)


def shelf(templates: Sequence[Template], vectors: Mapping[str, np.ndarray], dimension: int) -> TemplateShelf:
    """A shelf of templates whose questions' vectors are given by text."""
    rows = [(number, vectors[q]) for number, template in enumerate(templates) for q in template.questions]
    stacked = np.stack([row for _, row in rows]) if rows else np.empty((0, dimension), np.float32)
    return TemplateShelf(tuple(templates), stacked, np.array([number for number, _ in rows], dtype=np.int64))
