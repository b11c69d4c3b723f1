"""An occasion is queued once, and a job is done by one worker, however many workers there are."""

from __future__ import annotations

import time
from datetime import timedelta

from assistant.store import Store
from assistant.store_jobs import claim, enqueue, finish, jobs, postpone, renew
from assistant.tables import now
from tests.storing import together


def test_an_occasion_is_queued_once(store: Store) -> None:
    assert sum(together(6, lambda _: enqueue(store, "night", "retrain", "by the clock"))) == 1
    assert not enqueue(store, "night", "retrain", "again")
    assert [job.reason for job in jobs(store)] == ["by the clock"]


def test_several_workers_never_run_a_job_twice(store: Store) -> None:
    for number in range(12):
        assert enqueue(store, f"k{number}", "retrain", "test")

    def drain(worker: int) -> list[str]:
        done = []
        while (job := claim(store, f"w{worker}")) is not None:
            done.append(job.key)
            assert finish(store, job, "done", {"by": worker})
        return done

    done = [key for keys in together(4, drain) for key in keys]
    assert sorted(done) == sorted(f"k{n}" for n in range(12))
    assert {job.state for job in jobs(store)} == {"done"}


def test_a_dead_worker_s_job_is_taken_up_and_its_word_no_longer_counts(store: Store) -> None:
    enqueue(store, "k", "retrain", "test")
    first = claim(store, "dead", seconds=0.05)
    assert first is not None
    time.sleep(0.1)
    second = claim(store, "alive")
    assert second is not None and (second.id, second.attempts) == (first.id, 2)
    assert not renew(store, first) and not finish(store, first, "done", {})
    assert renew(store, second) and claim(store, "third") is None
    assert finish(store, second, "done", {"x": 1})
    assert jobs(store)[0].result == {"x": 1}


def test_a_job_that_kills_its_workers_fails_in_the_end(store: Store) -> None:
    enqueue(store, "k", "retrain", "test")
    for number in range(3):
        assert claim(store, f"w{number}", seconds=-1) is not None
    assert claim(store, "w3") is None
    assert (jobs(store)[0].state, jobs(store)[0].result) == ("failed", {"error": "3 workers died of it"})


def test_work_waits_for_its_time_and_can_be_put_off(store: Store) -> None:
    enqueue(store, "later", "retrain", "test", now() + timedelta(hours=1))
    assert claim(store, "w") is None
    enqueue(store, "now", "retrain", "test")
    job = claim(store, "w")
    assert job is not None and job.key == "now"
    assert postpone(store, job, 60)
    assert claim(store, "w") is None
    assert {(j.state, j.attempts) for j in jobs(store)} == {("queued", 0)}
