"""`assistant worker`: queues learning cycles when they are due and runs them, with any number of workers beside it.

A job belongs to one worker at a time and a cycle to one process at a time, both by leases in SQL. Knows the queue and
the clock; what a cycle does is done in `cycle.py`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from assistant.errors import AssistantError, Conflict
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_jobs import CLAIM_SECONDS, Job, claim, enqueue, finish, postpone, renew
from retrieval.failures import RetrievalError
from training.cycle import retrain
from training.live_watch import look_after
from training.occasions import check_schedule, happened, scheduled

RETRAIN = "retrain"
TICK_SECONDS = 10.0
LOOK_SECONDS = 60.0  # between looks at what happened, which reads many rows
BUSY_SECONDS = 60.0  # until a cycle is tried again while another process runs one

log = logging.getLogger("assistant.worker")
Work = Callable[[Settings, str], dict[str, object]]


def cycle(settings: Settings, reason: str) -> dict[str, object]:
    """One learning cycle; its outcome as `assistant retrain --json` prints it."""
    return dict(retrain(settings, reason).result)


def work(settings: Settings, stop: threading.Event, run: Work = cycle) -> None:
    """Queue and run until `stop` is set; a job under way is finished first. Raises InvalidInput for a bad schedule."""
    check_schedule(settings.retrain_schedule)
    store = Store(settings.sqlalchemy_url)
    looked: datetime | None = None
    try:
        while not stop.is_set():
            moment = datetime.now(UTC)
            look = looked is None or (moment - looked).total_seconds() >= LOOK_SECONDS
            looked = moment if look else looked
            try:
                if look:
                    look_after(settings, store)
                plan(settings, store, moment, look)
                busy = run_one(settings, store, run)
            except AssistantError as error:  # the database is away: it may come back
                log.error("%s", error)
                busy = False
            if not busy:
                stop.wait(TICK_SECONDS)
    finally:
        store.close()


def plan(settings: Settings, store: Store, moment: datetime, look: bool = True) -> int:
    """Queue what is due by the clock and, if told to `look`, what happened; returns how many jobs are new."""
    occasions = [*happened(settings, store, moment)] if look else []
    if due := scheduled(settings.retrain_schedule, moment):
        occasions.append(due)
    return sum(enqueue(store, occasion.key, RETRAIN, occasion.reason) for occasion in occasions)


def run_one(settings: Settings, store: Store, run: Work = cycle) -> bool:
    """Run the next job, if there is one that nobody works on; returns whether there was."""
    job = claim(store, f"{socket.gethostname()}/{os.getpid()}/{threading.get_ident()}")
    if job is None:
        return False
    log.info("job %s: %s", job.id, job.reason)
    with _kept(store, job):
        try:
            result = run(settings, job.reason)
        except Conflict as error:
            log.info("job %s waits: %s", job.id, error)
            postpone(store, job, BUSY_SECONDS)
            return False
        except (AssistantError, RetrievalError) as error:
            log.error("job %s failed: %s", job.id, error)
            finish(store, job, "failed", {"error": str(error)})
            return True
    finish(store, job, "done", result)
    log.info("job %s: %s", job.id, result.get("decision"))
    return True


@contextmanager
def _kept(store: Store, job: Job) -> Iterator[None]:
    """The claim is renewed until the block ends."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(CLAIM_SECONDS / 4):
            try:
                renew(store, job)
            except AssistantError as error:
                log.warning("claim of job %s not renewed: %s", job.id, error)

    heart = threading.Thread(target=beat, name=f"job {job.id}", daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()
