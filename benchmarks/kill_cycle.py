"""A learning cycle is killed (-9) at random moments: is the pointer valid each time, the decision the same at the end?

    python -m benchmarks.kill_cycle [--kills 40] [--each 5] [--json]

A tiny model and a small log, so that a cycle takes seconds. One copy of the home runs undisturbed; the others are
killed `--each` times, at moments spread over the length of the cycle, then left to end. All copies hold the same rows.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

from assistant.adapters import serving_adapter
from assistant.settings import Settings, load_settings
from assistant.store import Store
from assistant.store_runs import Run, runs
from assistant.weights import ensure_models
from tests.log_data import replies, write_log
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK
from training.cycle import retrain
from training.logs import import_logs
from training.registry import Registry

RECIPE = replace(QUICK, epochs=1.0, validations=2)
FORK = multiprocessing.get_context("fork")  # of a parent that computes nothing, so no threads are lost
LOG = 110  # conversations
CHILD_SECONDS = 600


def settings_of(home: Path, model: str, embedder: str) -> Settings:
    """A home whose cycle takes seconds."""
    return load_settings(
        home,
        model=model,
        embedder=embedder,
        gate_replies=2,
        gate_least_cases=10,
        gate_cases=24,
        max_reply_tokens=16,
        model_languages=["en"],
    )


def child(home: Path, model: str, embedder: str) -> None:
    """Run the cycle, or the rest of it."""
    retrain(settings_of(home, model, embedder), recipe=RECIPE)


def started(home: Path, models: Sequence[str]) -> ForkProcess:
    """A process that has just begun its cycle; forked, so that it need not import everything again."""
    process = FORK.Process(target=child, args=(home, *models))
    process.start()
    return process


def killed(home: Path, models: Sequence[str], after: float) -> bool:
    """Kill a cycle that many seconds after it began; False if it had ended by itself."""
    process = started(home, models)
    process.join(after)
    alive = process.is_alive()
    process.kill()
    process.join()
    return alive


def ended(home: Path, models: Sequence[str]) -> float:
    """Let a cycle come to its end; returns how many seconds that took."""
    process, begun = started(home, models), time.monotonic()
    process.join(CHILD_SECONDS)
    if process.exitcode != 0:
        raise RuntimeError(f"the cycle in {home} ended with {process.exitcode}")
    return time.monotonic() - begun


def valid(settings: Settings) -> bool:
    """Whether the pointer names nothing, or an adapter whose files are as registered; raises otherwise."""
    register = Registry(settings).list()
    serving_adapter(settings)
    return register.serving in (None, *register.adapters)


def outcome(settings: Settings) -> tuple[str | None, float, int]:
    """Decision, perplexity of the candidate and number of adapters of the only run that decided anything."""
    store = Store(settings.sqlalchemy_url)
    told: list[Run] = [run for run in runs(store) if run.decision != "nothing_to_do"]
    store.close()
    if len(told) != 1:
        raise RuntimeError(f"{len(told)} runs instead of one")
    perplexity = float(told[0].result["scores"]["candidate"]["perplexity"])
    return told[0].decision, round(perplexity, 2), len(Registry(settings).list().adapters)


def measure(folder: Path, kills: int, each: int) -> dict[str, Any]:
    """Kill and compare."""
    building = FORK.Process(target=tiny_llama, args=(folder / "tiny",))
    building.start()
    building.join()
    models = (str(folder / "tiny"), str(ensure_models(load_settings()).embedder))
    first = settings_of(folder / "imported", *models)
    first.home.mkdir()
    store = Store(first.sqlalchemy_url)
    import_logs(store, write_log(first.home / "log.jsonl", replies(1, LOG), "c"), source="desk", approve=True)
    store.close()
    shutil.copytree(first.home, folder / "whole")
    seconds = ended(folder / "whole", models)
    expected = outcome(settings_of(folder / "whole", *models))
    done, invalid, dice = 0, 0, random.Random(11)
    outcomes: list[tuple[str | None, float, int]] = []
    while done < kills:
        home = folder / f"killed-{len(outcomes)}"
        shutil.copytree(first.home, home)
        settings, here = settings_of(home, *models), 0
        while here < min(each, kills - done):
            if not killed(home, models, dice.uniform(0, seconds / 2)):
                break  # it has ended; the next copy is killed instead
            here += 1
            invalid += not valid(settings)
        done += here
        ended(home, models)
        outcomes.append(outcome(settings))
        print(f"{done} kills, {outcomes[-1]}", file=sys.stderr, flush=True)
    return {
        "kills": done,
        "cycles": len(outcomes),
        "seconds_undisturbed": round(seconds, 1),
        "invalid_pointers": invalid,
        "expected": expected,
        "other_outcomes": [found for found in outcomes if found != expected],
    }


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--each", type=int, default=5, help="kills of one cycle")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told = measure(Path(folder), asked.kills, asked.each)
    print(json.dumps(told) if asked.json else "\n".join(f"{name}: {value}" for name, value in told.items()))


if __name__ == "__main__":
    main()
