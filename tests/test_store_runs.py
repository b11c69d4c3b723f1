"""A run keeps its steps; what was killed is opened again, what is finished is not."""

from __future__ import annotations

import pytest

from assistant.errors import Conflict, NotFound
from assistant.store import Store
from assistant.store_leases import Lease, lease
from assistant.store_runs import begin_step, end_run, end_step, open_run, run, runs


def test_a_killed_run_is_opened_again_with_what_it_found(store: Store) -> None:
    with lease(store, "cycle") as held:
        first = open_run(store, held, "by hand")
        begin_step(store, held, first.id, "curate", 0)
        end_step(store, held, first.id, "curate", state="done", result={"version": "v1"}, log="one\ntwo")
        begin_step(store, held, first.id, "train", 1)
        again = open_run(store, held, "schedule")
        assert (again.id, again.trigger) == (first.id, "by hand")
        assert [(s.name, s.state, s.attempts) for s in again.steps] == [("curate", "done", 1), ("train", "running", 1)]
        assert again.steps[0].result == {"version": "v1"}
        begin_step(store, held, first.id, "train", 1)
        assert run(store, first.id).steps[1].attempts == 2
        end_run(store, held, first.id, state="finished", decision="promoted", result={"reasons": ["better"]})
        second = open_run(store, held, "schedule")
    assert [(r.id, r.decision) for r in runs(store)] == [(second.id, None), (first.id, "promoted")]
    assert [r.id for r in runs(store, decision="promoted")] == [first.id]
    assert run(store, first.id).result == {"reasons": ["better"]}


def test_only_the_holder_of_the_lease_may_write(store: Store) -> None:
    with lease(store, "cycle") as held:
        opened = open_run(store, held, "by hand")
        with pytest.raises(Conflict):
            begin_step(store, Lease("cycle", "somebody else"), opened.id, "curate", 0)
    assert run(store, opened.id).steps == ()


def test_an_unknown_run(store: Store) -> None:
    with pytest.raises(NotFound, match="runs list"):
        run(store, "nothing")
