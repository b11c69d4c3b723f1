"""Examples of what customers want, and the register of the small models that were learnt from such examples.

Knows SQL; nothing of classifiers or files. Functions take the `Store` and open their own session.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from assistant.errors import InvalidInput
from assistant.storable import clean, identifier
from assistant.tables_understanding import IntentExampleRow, LearnedModelRow, ModelKind

if TYPE_CHECKING:
    from assistant.store import Store  # which other stores import

OUT_OF_SCOPE = frozenset({"oos", "no_nodes_detected", "out_of_scope"})
BATCH = 500


@dataclass(frozen=True, slots=True)
class IntentExample:
    """What a customer said and wanted; `intent` None: nothing the team answers."""

    text: str
    intent: str | None

    @property
    def key(self) -> str:
        """Names the example by its content."""
        return hashlib.sha256(f"{self.intent or ''}\n{self.text}".encode()).hexdigest()


def intent_example(text: str, intent: str) -> IntentExample:
    """A checked example. Raises InvalidInput for an empty text or name."""
    text, intent = " ".join(clean(text).split()), clean(intent).strip()
    if not text:
        raise InvalidInput("the text is empty")
    if intent.lower() in OUT_OF_SCOPE:
        return IntentExample(text, None)
    return IntentExample(text, identifier("intent", intent))


def add_examples(store: Store, examples: Iterable[IntentExample], source: str) -> int:
    """Store those that are new; returns how many."""
    added = 0
    incoming = iter({example.key: example for example in examples}.values())
    while batch := list(islice(incoming, BATCH)):
        with store.writing() as session:
            query = select(IntentExampleRow.key).where(IntentExampleRow.key.in_([e.key for e in batch]))
            known = set(session.scalars(query))
            rows = [
                {"key": e.key, "text": e.text, "intent": e.intent, "source": clean(source)}
                for e in batch
                if e.key not in known
            ]
            if rows:
                session.execute(insert(IntentExampleRow), rows)
            added += len(rows)
    return added


def intent_examples(store: Store) -> list[IntentExample]:
    """All of them, in an order that depends on nothing but their content."""
    with store.reading() as session:
        query = select(IntentExampleRow.text, IntentExampleRow.intent).order_by(IntentExampleRow.key)
        return [IntentExample(text, intent) for text, intent in session.execute(query)]


def intent_counts(store: Store) -> dict[str | None, int]:
    """How many examples each intent has."""
    with store.reading() as session:
        query = select(IntentExampleRow.intent, func.count()).group_by(IntentExampleRow.intent)
        return {intent: int(count) for intent, count in session.execute(query)}


@dataclass(frozen=True, slots=True)
class LearnedModel:
    """A registered model file and what it was learnt from."""

    id: str
    file: str
    sha256: str
    examples_hash: str
    embedder: str
    details: dict[str, Any]


def register_model(
    store: Store, kind: ModelKind, *, file: str, sha256: str, examples_hash: str, embedder: str, details: dict[str, Any]
) -> None:
    """From now on this file serves."""
    with store.writing() as session:
        session.add(
            LearnedModelRow(
                kind=kind,
                file=file,
                sha256=sha256,
                examples_hash=examples_hash,
                embedder=embedder,
                details=details,
            )
        )


def newest_model(store: Store, kind: ModelKind) -> LearnedModel | None:
    """The model that serves, None before the first one."""
    query = select(LearnedModelRow).filter_by(kind=kind)
    with store.reading() as session:
        row = session.scalars(query.order_by(LearnedModelRow.created_at.desc(), LearnedModelRow.id.desc())).first()
        if row is None:
            return None
        return LearnedModel(row.id, row.file, row.sha256, row.examples_hash, row.embedder, row.details)


def examples_hash(examples: Sequence[IntentExample]) -> str:
    """sha256 over sorted examples."""
    return hashlib.sha256("\n".join(e.key for e in examples).encode()).hexdigest()
