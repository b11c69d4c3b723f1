"""Whose conversations an adapter learnt from, as hashes without content, kept in its folder as `lineage.json`.

Knows nothing of stores; who erases a customer looks here for adapters that must not serve again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import InvalidInput
from assistant.pseudonyms import conversation_hash
from training.examples import Example

LINEAGE = "lineage.json"


@dataclass(frozen=True, slots=True)
class Lineage:
    """Hashes of conversations and customers; `parents` are adapters whose weights this one went on from."""

    conversations: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
    parents: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return {
            "conversations": sorted(self.conversations),
            "customers": sorted(self.customers),
            "parents": list(self.parents),
        }

    def holds(self, customers: Collection[str], conversations: Collection[str]) -> bool:
        """Whether any of these hashes is in it; parents are not looked into."""
        return not self.customers.isdisjoint(customers) or not self.conversations.isdisjoint(conversations)


def lineage_of(examples: Iterable[Example], parents: Iterable[str] = ()) -> Lineage:
    """Where examples come from."""
    conversations, customers = set(), set()
    for example in examples:
        conversations.add(conversation_hash(example.conversation_id))
        if example.customer_hash:
            customers.add(example.customer_hash)
    return Lineage(frozenset(conversations), frozenset(customers), tuple(parents))


def read_lineage(folder: Path) -> Lineage | None:
    """The lineage of an adapter folder, None where it has none. Raises InvalidInput when it is damaged."""
    path = folder / LINEAGE
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_text("utf-8"))
        return Lineage(frozenset(values["conversations"]), frozenset(values["customers"]), tuple(values["parents"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is damaged: {error}") from error


def erased_reason(receipt_id: str) -> str:
    """Why an adapter is blocked after a customer was erased."""
    return f"it learnt from a customer who was erased (receipt {receipt_id})"


def tainted(
    lineages: dict[str, Lineage | None], customers: Collection[str], conversations: Collection[str]
) -> set[str]:
    """Ids of the adapters that hold any of these hashes, themselves or through a parent; `lineages` by id."""
    found = {id for id, lineage in lineages.items() if lineage and lineage.holds(customers, conversations)}
    while True:
        heirs = {id for id, lineage in lineages.items() if lineage and not found.isdisjoint(lineage.parents)}
        if heirs <= found:
            return found
        found |= heirs
