"""Two real `assistant worker` processes on one database: does the clock fire, does a trigger, is any job run twice?

    python -m benchmarks.two_workers [--minutes 4] [--postgres] [--json]

A tiny model and 110 approved conversations; the schedule is every minute, and 50 approved replies are a trigger too.
Every job must have been claimed once, and have led to exactly one run. `--postgres` starts a server of its own from
Debian's package.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from assistant.settings import load_settings
from assistant.store import Store
from assistant.store_jobs import jobs
from assistant.store_runs import runs
from assistant.weights import ensure_models
from tests.log_data import replies, write_log
from tests.postgres import database, server
from tests.tiny_models import tiny_llama
from training.logs import import_logs

LOG = 110  # conversations
STOP_SECONDS = 120


def environment(folder: Path, url: str) -> dict[str, str]:
    """Settings of the workers; the home is beside them."""
    return {
        "ASSISTANT_HOME": str(folder / "home"),
        "ASSISTANT_DATABASE_URL": url,
        "ASSISTANT_MODEL": str(tiny_llama(folder / "tiny")),
        "ASSISTANT_EMBEDDER": str(ensure_models(load_settings()).embedder),
        "ASSISTANT_RETRAIN_SCHEDULE": "* * * * *",
        "ASSISTANT_RETRAIN_TRIGGERS": '["examples"]',
        "ASSISTANT_RETRAIN_EXAMPLES": "50",
        "ASSISTANT_GATE_REPLIES": "2",
        "ASSISTANT_GATE_LEAST_CASES": "10",
        "ASSISTANT_MAX_REPLY_TOKENS": "16",
        "ASSISTANT_MODEL_LANGUAGES": '["en"]',
    }


def watched(folder: Path, url: str, minutes: float) -> dict[str, Any]:
    """Let two workers run, then compare jobs with runs."""
    (folder / "home").mkdir()
    store = Store(url)
    log = write_log(folder / "log.jsonl", replies(1, LOG), "c")
    import_logs(store, log, source="desk", approve=True)
    given = os.environ | environment(folder, url)
    command = [str(Path(sys.executable).with_name("assistant")), "worker"]
    logs = [(folder / f"worker-{number}.log").open("wb") for number in range(2)]
    workers = [subprocess.Popen(command, env=given, stdout=log, stderr=log) for log in logs]
    time.sleep(minutes * 60)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    codes = [worker.wait(STOP_SECONDS) for worker in workers]
    for log_file in logs:
        log_file.close()
    queued, done = jobs(store), runs(store)
    store.close()
    ended = [job for job in queued if job.state == "done"]
    started = Counter(run.trigger for run in done)
    return {
        "workers_ended_with": codes,
        "jobs": Counter(f"{job.key.split()[0]}: {job.state}" for job in queued),
        "claimed_by": Counter(job.worker for job in ended),
        "claimed_more_than_once": [job.key for job in queued if job.attempts > 1],
        "jobs_without_exactly_one_run": [job.key for job in ended if started[job.reason] != 1],
        "runs_beyond_jobs": len(done) - sum(job.state in ("done", "running") for job in queued),
        "decisions": Counter(run.decision for run in done),
    }


def main() -> None:
    """Run on SQLite, or on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.postgres:
            with server() as running, database(running, "workers") as url:
                told = watched(folder, url, asked.minutes)
        else:
            told = watched(folder, f"sqlite:///{folder / 'home' / 'assistant.db'}", asked.minutes)
    print(json.dumps(told) if asked.json else "\n".join(f"{name}: {value}" for name, value in told.items()))


if __name__ == "__main__":
    main()
