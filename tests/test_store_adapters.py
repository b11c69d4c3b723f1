"""The register in SQL: one row points, every change is whole, and whoever comes at the same time waits."""

from __future__ import annotations

from itertools import pairwise

import pytest

from assistant.adapter_register import Register
from assistant.errors import Conflict, InvalidInput, NotFound
from assistant.store import Store
from assistant.store_adapters import (
    add_adapter,
    begin_trial,
    block_adapters,
    changes,
    end_trial,
    pointer_version,
    promote,
    read_register,
    remove_adapter,
    rollback,
)
from tests.storing import together


@pytest.fixture
def shelf(store: Store) -> Store:
    """A store with the adapters a and b."""
    for id in ("a", "b"):
        add_adapter(store, id, id * 64, 1.5)
    return store


def test_a_new_database_serves_the_base_model(store: Store) -> None:
    assert read_register(store) == Register()
    assert pointer_version(store) == 0 and changes(store) == []
    with pytest.raises(Conflict, match="nothing to roll back to"):
        rollback(store, "no")


def test_the_pointer_moves_with_its_history(shelf: Store) -> None:
    assert promote(shelf, "a", "first").serving == "a"
    assert promote(shelf, "a", "again").version == 1  # nothing changed, nothing recorded
    assert promote(shelf, "b", "better").earlier == (None, "a")
    assert rollback(shelf, "worse").serving == "a"
    assert pointer_version(shelf) == 3
    assert [(c.version, c.action, c.adapter, c.previous, c.reason) for c in changes(shelf)] == [
        (3, "rolled_back", "a", "b", "worse"),
        (2, "promoted", "b", "a", "better"),
        (1, "promoted", "a", None, "first"),
    ]
    with pytest.raises(NotFound, match="'c'"):
        promote(shelf, "c", "unknown")


def test_promotions_and_rollbacks_at_the_same_moment_leave_one_valid_pointer(shelf: Store) -> None:
    promote(shelf, "a", "start")

    def change(number: int) -> None:
        if number % 2:
            promote(shelf, "ab"[number // 2 % 2], "race")
        else:
            try:
                rollback(shelf, "race")
            except Conflict as error:
                assert "nothing to roll back to" in str(error)

    together(12, change)
    register, moves = read_register(shelf), changes(shelf)
    assert register.version == len(moves) and moves[0].adapter == register.serving
    assert all(later.previous == earlier.adapter for later, earlier in pairwise(moves))


def test_a_trial_is_seen_and_ends_with_promotion_block_or_stop(shelf: Store) -> None:
    trial = begin_trial(shelf, "a", "canary", 0.25)
    register = read_register(shelf)
    assert register.trial == trial and (trial.mode, trial.share) == ("canary", 0.25) and register.version == 1
    with pytest.raises(Conflict, match="on trial"):
        remove_adapter(shelf, "a")
    promote(shelf, "a", "it went well")
    assert read_register(shelf).trial is None
    with pytest.raises(Conflict, match="serves already"):
        begin_trial(shelf, "a", "shadow", 0.1)
    with pytest.raises(InvalidInput, match="share 0"):
        begin_trial(shelf, "b", "shadow", 0)
    begin_trial(shelf, "b", "shadow", 1.0)
    block_adapters(shelf, ["b"], "poisoned")
    assert read_register(shelf).trial is None and read_register(shelf).adapters["b"].blocked == "poisoned"
    assert end_trial(shelf) is None


def test_registering_again_keeps_a_block(shelf: Store) -> None:
    block_adapters(shelf, ["a"], "poisoned")
    assert add_adapter(shelf, "a", "f" * 64, 0.5).blocked == "poisoned"
    assert read_register(shelf).adapters["a"].manifest_sha256 == "f" * 64


def test_removed_adapters_are_no_place_to_go_back_to(shelf: Store) -> None:
    promote(shelf, "a", "1")
    promote(shelf, "b", "2")
    with pytest.raises(Conflict, match="serves"):
        remove_adapter(shelf, "b")
    remove_adapter(shelf, "a")
    assert read_register(shelf).earlier == (None,) and list(read_register(shelf).adapters) == ["b"]
    assert rollback(shelf, "back").serving is None
    assert changes(shelf)[-1].adapter == "a"  # history keeps the name
