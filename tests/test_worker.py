"""Workers queue each occasion once, run it once, put it off while another cycle runs, and survive a failing one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.errors import Conflict, InvalidInput
from assistant.settings import Settings, load_settings
from assistant.store import Store
from assistant.store_jobs import jobs
from tests.storing import together
from training.worker import plan, run_one, work

NIGHT = datetime(2026, 11, 24, 3, 5, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return load_settings(tmp_path, database_url=database_url)


def test_many_workers_run_one_night_once(settings: Settings, store: Store) -> None:
    ran: list[str] = []

    def one(_: int) -> None:
        plan(settings, store, NIGHT)
        while run_one(settings, store, lambda _, reason: ran.append(reason) or {"decision": "promoted"}):
            pass

    together(4, one)
    assert ran == ["schedule '0 3 * * *', 2026-11-24 03:00 UTC"]
    assert [(job.state, job.result) for job in jobs(store)] == [("done", {"decision": "promoted"})]
    assert plan(settings, store, NIGHT) == 0


def test_while_another_process_runs_a_cycle_the_job_waits(settings: Settings, store: Store) -> None:
    def busy(_: Settings, __: str) -> dict[str, object]:
        raise Conflict("'retrain' is being done by another process")

    plan(settings, store, NIGHT)
    assert not run_one(settings, store, busy)
    assert [(job.state, job.attempts) for job in jobs(store)] == [("queued", 0)]
    assert not run_one(settings, store, busy)  # not due yet


def test_a_failed_cycle_is_recorded_and_the_worker_goes_on(settings: Settings, store: Store) -> None:
    def failing(_: Settings, __: str) -> dict[str, object]:
        raise InvalidInput("the recipe is wrong")

    plan(settings, store, NIGHT)
    assert run_one(settings, store, failing)
    assert [(job.state, job.result) for job in jobs(store)] == [("failed", {"error": "the recipe is wrong"})]
    assert not run_one(settings, store, failing)


def test_a_worker_ends_when_told_to_and_refuses_a_bad_schedule(settings: Settings) -> None:
    stop = threading.Event()
    everything = settings.model_copy(update={"retrain_schedule": "* * * * *"})

    def once(_: Settings, __: str) -> dict[str, object]:
        stop.set()
        return {"decision": "nothing_to_do"}

    work(everything, stop, once)
    assert stop.is_set()
    with pytest.raises(InvalidInput, match="cron"):
        work(settings.model_copy(update={"retrain_schedule": "at night"}), stop, once)
