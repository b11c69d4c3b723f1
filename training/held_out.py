"""Which conversations are never trained on, and the frozen cases among them that the gate judges by.

A conversation is held out or not by the hash of its name, forever. The first cycle freezes the fixed set; every later
one adds a rolling set of conversations that came since. Knows stores and examples; nothing of models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from assistant.errors import InvalidInput
from assistant.store import Store
from assistant.store_held_out import HeldOut, freeze, frozen
from training.cases import Case, cases_of
from training.examples import Example
from training.logged import Logged
from training.near_duplicates import NearDuplicates

SIMILAR = 0.85  # of question and reply together, from which a training example gives a held-out case away
ROLLING_SHARE = 0.34  # of the cases judged by; the rest is the fixed set
FIXED, ROLLING = "fixed set", "rolling set"


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """The cases of this cycle, and which set each belongs to, by id."""

    cases: tuple[Case, ...]
    sets: dict[str, str]


def is_held_out(key: str, share: float) -> bool:
    """Whether the conversation of that name is never trained on; the same answer in every cycle."""
    return int.from_bytes(hashlib.sha256(f"held out {key}".encode()).digest()[:8]) / 2**64 < share


def to_learn(logs: Iterable[Logged], store: Store, share: float) -> Iterator[Logged]:
    """The conversations that may be trained on: neither held out by their name nor frozen as a case."""
    aside = {case.conversation_id for group in frozen(store).values() for case in group}
    return (logged for logged in logs if logged.id not in aside and not is_held_out(logged.key, share))


def held_out_ids(logs: Iterable[Logged], share: float) -> frozenset[str]:
    """Ids of the conversations that are never trained on."""
    return frozenset(logged.id for logged in logs if is_held_out(logged.key, share))


def judged_by(store: Store, candidates: Sequence[Example], most: int, moment: datetime) -> JudgedBy:
    """Freeze what is new among the held-out `candidates`, and read the cases to judge by: at most `most`.

    `moment` names the cycle: repeated with the same one, nothing more is frozen. Raises InvalidInput when a frozen
    case does not have its hash any more.
    """
    groups = frozen(store)
    if moment not in groups:
        known = {case.example_id for group in groups.values() for case in group}
        room = max(most - len(known), round(most * ROLLING_SHARE))
        fresh = sorted((e for e in candidates if e.id not in known), key=_shuffled)[:room]
        freeze(store, [HeldOut(e.id, e.conversation_id, e.content_hash, e.to_dict()) for e in fresh], moment)
        groups = frozen(store)
    *older, newest = [[_verified(case) for case in group] for group in groups.values()] or [[]]
    rolling = sorted(newest, key=_shuffled)[: round(most * ROLLING_SHARE)] if older else []
    fixed = [example for group in older or [newest] for example in sorted(group, key=_shuffled)]
    fixed = fixed[: most - len(rolling)]
    sets = {e.id: FIXED for e in fixed} | {e.id: ROLLING for e in rolling}
    return JudgedBy(tuple(cases_of([*fixed, *rolling])), sets)


def without_likes(examples: Sequence[Example], held_out: Collection[Case]) -> list[Example]:
    """Examples that do not say nearly the same as a held-out case."""
    likes = NearDuplicates(SIMILAR)
    for case in held_out:
        likes.seen(f"{case.messages[-1].content}\n{case.reply}")
    kept = []
    for example in examples:
        text = f"{example.messages[-1].content}\n{example.reply}"
        if not likes.like(text):
            kept.append(example)
    return kept


def _shuffled(example: Example) -> str:
    """An order that has nothing to do with what an example says, the same every time."""
    return hashlib.sha256(f"order {example.id}".encode()).hexdigest()


def _verified(case: HeldOut) -> Example:
    example = Example.from_dict(case.example)
    if example.content_hash != case.content_hash:
        raise InvalidInput(
            f"held-out case {case.example_id!r} was changed after it was frozen; restore the table held_out"
        )
    return example
