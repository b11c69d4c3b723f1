"""A child process that runs a learning cycle on a tiny model and is killed at a chosen moment: `HOME MODEL EMBEDDER N`.

Dies at the Nth write of the run's record, or for N = "train" in the middle of training.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from assistant.settings import Settings, load_settings
from tests.tuning_data import QUICK
from training import cycle

RECIPE = replace(QUICK, epochs=1.0, validations=2)


def settings_of(home: Path, model: str, embedder: str) -> Settings:
    """Small enough for seconds: no generated replies but those to the safety prompts."""
    return load_settings(
        home,
        model=model,
        embedder=embedder,
        company="Lantern",
        gate_replies=0,
        gate_least_cases=10,
        gate_cases=24,
        max_reply_tokens=16,
        model_languages=["en"],
    )


def die() -> None:
    """As the kernel or an operator would end a process: no clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(home: str, model: str, embedder: str, moment: str) -> None:
    """Run until the moment comes."""
    written = 0

    def counting(name: str) -> None:
        real = cycle.__dict__[name]

        def write(*args: object, **more: object) -> None:
            nonlocal written
            real(*args, **more)
            written += 1
            if moment == str(written):
                die()

        setattr(cycle, name, write)

    for name in ("begin_step", "end_step", "end_run"):
        counting(name)

    def report(step: str, done: int, total: int | None) -> None:
        if (moment, step) == ("train", "Training") and done == 5:
            die()

    cycle.retrain(settings_of(Path(home), model, embedder), recipe=RECIPE, report=report)


if __name__ == "__main__":
    main(*sys.argv[1:])
