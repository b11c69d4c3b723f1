"""Held-out conversations stay held out, frozen cases stay as they were, and every cycle adds a rolling set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from assistant.conversation import ImportedConversation, ImportedMessage
from assistant.errors import InvalidInput
from assistant.store import Store
from assistant.tables_learning import HeldOutRow
from tests.tuning_data import example
from training.examples import Example
from training.held_out import FIXED, ROLLING, is_held_out, judged_by, to_learn, without_likes
from training.logs import stored_logs

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def stored(store: Store, start: int, count: int) -> list[Example]:
    """Examples of conversations that are in the store, as the foreign key demands."""
    said = (ImportedMessage("customer", "When?"), ImportedMessage("person", "On Monday."))
    records = [ImportedConversation("desk", str(n), said, customer_id=f"c{n}") for n in range(start, start + count)]
    store.import_conversations(records)
    ids = {t.conversation.external_id: t.conversation.id for t in store.iter_conversations()}
    return [replace(example(n), id=f"e{n}", conversation_id=ids[str(n)]) for n in range(start, start + count)]


def test_a_name_decides_for_good() -> None:
    keys = [f"desk/{n}" for n in range(3000)]
    aside = [key for key in keys if is_held_out(key, 0.1)]
    assert 220 < len(aside) < 380
    assert set(aside) < {key for key in keys if is_held_out(key, 0.2)}


def test_the_first_cycle_freezes_the_fixed_set_and_later_ones_add(store: Store) -> None:
    first = judged_by(store, stored(store, 0, 20), 15, FIRST)
    assert len(first.cases) == 15 and set(first.sets.values()) == {FIXED}
    assert judged_by(store, stored(store, 0, 40), 15, FIRST) == first  # a resumed cycle
    later = judged_by(store, stored(store, 0, 60), 15, FIRST + timedelta(days=1))
    assert [*later.sets.values()].count(ROLLING) == 5 and len(later.cases) == 15
    fixed = {id for id, name in later.sets.items() if name == FIXED}
    assert fixed < set(first.sets)


def test_what_is_held_out_or_frozen_is_not_learnt_by_hand_either(store: Store) -> None:
    cases = stored(store, 0, 60)
    by_name = {logged.id for logged in stored_logs(store) if is_held_out(logged.key, 0.2)}
    open_ones = [example for example in cases if example.conversation_id not in by_name]
    judged_by(store, open_ones[:5], 10, FIRST)
    learnt = {logged.id for logged in to_learn(stored_logs(store), store, 0.2)}
    assert by_name and learnt == {example.conversation_id for example in open_ones[5:]}


def test_a_changed_case_is_refused(store: Store) -> None:
    judged_by(store, stored(store, 0, 5), 10, FIRST)
    with store.writing() as session:
        session.execute(update(HeldOutRow).where(HeldOutRow.example_id == "e3").values(content_hash="x"))
    with pytest.raises(InvalidInput, match="e3"):
        judged_by(store, (), 10, FIRST)


def test_a_forgotten_customer_s_cases_are_gone(store: Store) -> None:
    judged_by(store, stored(store, 0, 5), 10, FIRST)
    store.forget_customer("c2")
    assert "e2" not in judged_by(store, (), 10, FIRST).sets


def test_training_examples_that_say_the_same_as_a_held_out_case_go(store: Store) -> None:
    judged = judged_by(store, stored(store, 0, 3), 10, FIRST)
    kept = without_likes([example(0), replace(example(5), reply="Something quite different is true.")], judged.cases)
    assert [e.reply for e in kept] == ["Something quite different is true."]
