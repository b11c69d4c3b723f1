"""Cases that the gate judges by: frozen once, by hash, never to be trained on.

They are erased together with their conversation. Knows nothing of how they are chosen or of what an example is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from assistant.store import Store
from assistant.tables_learning import HeldOutRow


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A frozen case: the example as JSON and the hash it had when it was frozen."""

    example_id: str
    conversation_id: str
    content_hash: str
    example: dict[str, Any]


def freeze(store: Store, cases: Sequence[HeldOut], moment: datetime) -> int:
    """Add the cases that are not frozen yet, as the group of that moment; returns how many."""
    with store.writing() as session:
        known = set(session.scalars(select(HeldOutRow.example_id)))
        rows = [
            {
                "example_id": case.example_id,
                "conversation_id": case.conversation_id,
                "content_hash": case.content_hash,
                "example": case.example,
                "frozen_at": moment,
            }
            for case in cases
            if case.example_id not in known
        ]
        if rows:
            session.execute(insert(HeldOutRow), rows)
    return len(rows)


def frozen(store: Store) -> dict[datetime, list[HeldOut]]:
    """All frozen cases by the moment they were frozen, oldest first."""
    groups: dict[datetime, list[HeldOut]] = {}
    query = select(HeldOutRow).order_by(HeldOutRow.frozen_at, HeldOutRow.example_id)
    with store.reading() as session:
        for row in session.scalars(query):
            case = HeldOut(row.example_id, row.conversation_id, row.content_hash, row.example)
            groups.setdefault(row.frozen_at, []).append(case)
    return groups
