"""Read answer templates from a JSONL or CSV file, and store what mining finds, as drafts.

Knows fields and files; what a template is and when it is served is told elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.errors import InvalidInput
from assistant.language import language_of
from assistant.privacy import MaskRules
from assistant.store import Store
from assistant.store_templates import Template, Wording, add_template
from retrieval.by_script import Reads
from training.intent_training import ExampleFailure
from training.raw_records import Unreadable, read_records
from training.template_mining import mine_templates

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class TemplateImport:
    """New drafts, how many were there already, and the records that are no template."""

    added: tuple[Template, ...]
    unchanged: int
    failed: tuple[ExampleFailure, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "added": [template_json(template) for template in self.added],
            "unchanged": self.unchanged,
            "failed": [asdict(failure) for failure in self.failed],
        }


def template_json(template: Template) -> dict[str, Any]:
    """A template with its dates as ISO text."""
    values = asdict(template)
    for name in ("valid_from", "valid_until", "approved_at"):
        values[name] = values[name].isoformat() if values[name] else None
    return values


def import_templates(store: Store, file: Path) -> TemplateImport:
    """Each record: `question` or `questions`, `text` (or `answer`), optional intent, language, family, dates."""
    added: list[Template] = []
    failures: list[ExampleFailure] = []
    unchanged = 0
    for record in read_records(file):
        try:
            if isinstance(record, Unreadable):
                raise InvalidInput(record.reason)
            template = add_template(store, wording_of(record.value, file.name))
        except InvalidInput as error:
            failures.append(ExampleFailure(record.place, str(error)))
            continue
        if template is None:
            unchanged += 1
        else:
            added.append(template)
    return TemplateImport(tuple(added), unchanged, tuple(failures))


def wording_of(value: Mapping[str, Any], source: str) -> Wording:
    """A record's template. Raises InvalidInput."""
    given = value.get("questions") or value.get("question")
    questions = [given] if isinstance(given, str) else given
    text = value.get("text") or value.get("answer")
    if not isinstance(questions, list) or not all(isinstance(q, str) for q in questions) or not isinstance(text, str):
        raise InvalidInput('needs "question" (or "questions", a list) and "text"')
    return Wording(
        questions,
        text,
        str(value.get("language") or language_of(text)),
        intent=str(value["intent"]) if value.get("intent") else None,
        family=str(value["family"]) if value.get("family") else None,
        source=source,
        valid_from=_moment(value, "valid_from"),
        valid_until=_moment(value, "valid_until"),
    )


def _moment(value: Mapping[str, Any], name: str) -> datetime | None:
    given = value.get(name)
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(str(given))
    except ValueError as error:
        raise InvalidInput(f"{name} {given!r} is no date; write it as 2026-12-31 or 2026-12-31T18:00+01:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def mine_store(
    store: Store, embedder: Reads, rules: MaskRules, progress: Progress, aside: Collection[str] = ()
) -> TemplateImport:
    """Mine the stored logs, without the conversations in `aside`, and keep what is new as drafts."""
    transcripts = (talk for talk in store.iter_conversations() if talk.conversation.id not in aside)
    wordings = mine_templates(transcripts, embedder, rules, progress)
    made = [add_template(store, wording) for wording in wordings]
    added = tuple(template for template in made if template is not None)
    return TemplateImport(added, len(made) - len(added))
