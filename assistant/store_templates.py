"""Answer templates: drafts, approved wordings with their validity, and the versions before them.

Knows SQL; nothing of when a template fits. Functions take the `Store` and open their own session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.errors import Conflict, InvalidInput
from assistant.storable import clean, clean_or_none, identifier
from assistant.store_rows import get_row
from assistant.tables import now, uuid7
from assistant.tables_understanding import TemplateRow, TemplateState

if TYPE_CHECKING:
    from assistant.store import Store

MOST_QUESTIONS = 50


@dataclass(frozen=True, slots=True)
class Template:
    """A wording for questions like `questions`. `text` may name slots in braces, such as {company}."""

    id: str
    family: str
    version: int
    state: TemplateState
    intent: str | None
    language: str
    questions: tuple[str, ...]
    text: str
    support: int
    source: str
    valid_from: datetime | None
    valid_until: datetime | None
    approved_by: str | None
    approved_at: datetime | None

    def valid_at(self, moment: datetime) -> bool:
        """Within its dates; the last day's moment is already outside."""
        after = self.valid_from is None or self.valid_from <= moment
        return after and (self.valid_until is None or moment < self.valid_until)


@dataclass(frozen=True, slots=True)
class Wording:
    """What a template is made of. `family` continues an existing template as its next version."""

    questions: Sequence[str]
    text: str
    language: str
    intent: str | None = None
    family: str | None = None
    support: int = 0
    source: str = "written"
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def add_template(store: Store, wording: Wording) -> Template | None:
    """Store a draft; None when this text already stands for the same questions. Raises InvalidInput."""
    questions = list(dict.fromkeys(clean(q).strip() for q in wording.questions if q.strip()))[:MOST_QUESTIONS]
    if not questions or not wording.text.strip():
        raise InvalidInput("a template needs at least one question and a text")
    if wording.valid_from and wording.valid_until and wording.valid_until <= wording.valid_from:
        raise InvalidInput(f"valid_until {wording.valid_until} must be after valid_from {wording.valid_from}")
    text = clean(wording.text.strip())
    with store.writing() as session:
        alike = session.scalars(select(TemplateRow).filter_by(text=text, language=wording.language))
        if any(set(row.questions) & set(questions) for row in alike):
            return None
        family = wording.family or uuid7()
        row = TemplateRow(
            family=identifier("family", family),
            version=_newest_version(session, family) + 1,
            intent=clean_or_none(wording.intent),
            language=identifier("language", wording.language),
            questions=questions,
            text=text,
            support=wording.support,
            source=clean(wording.source),
            valid_from=wording.valid_from,
            valid_until=wording.valid_until,
        )
        session.add(row)
        session.flush()
        return _template(row)


def approve_template(store: Store, template_id: str, by: str) -> Template:
    """Serve this version from now on; the one served before retires. Raises NotFound, and Conflict when retired."""
    with store.writing() as session:
        row = get_row(session, TemplateRow, template_id)
        if row.state == "retired":
            raise Conflict(f"template {template_id} is retired; add it again as a new version")
        served = select(TemplateRow).filter_by(family=row.family, state="approved")
        for earlier in session.scalars(served.where(TemplateRow.id != row.id)):
            earlier.state = "retired"
        row.state, row.approved_by, row.approved_at = "approved", clean(by), now()
        return _template(row)


def retire_template(store: Store, template_id: str) -> Template:
    """No longer serve or offer it. Raises NotFound."""
    with store.writing() as session:
        row = get_row(session, TemplateRow, template_id)
        row.state = "retired"
        return _template(row)


def templates(store: Store, state: TemplateState | None = None) -> list[Template]:
    """The best supported first."""
    query = select(TemplateRow).order_by(TemplateRow.support.desc(), TemplateRow.id)
    if state is not None:
        query = query.filter_by(state=state)
    with store.reading() as session:
        return [_template(row) for row in session.scalars(query)]


def _newest_version(session: Session, family: str) -> int:
    query = select(TemplateRow.version).filter_by(family=family).order_by(TemplateRow.version.desc())
    return session.scalars(query).first() or 0


def _template(row: TemplateRow) -> Template:
    return Template(
        id=row.id,
        family=row.family,
        version=row.version,
        state=row.state,
        intent=row.intent,
        language=row.language,
        questions=tuple(row.questions),
        text=row.text,
        support=row.support,
        source=row.source,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
    )
