"""Several processes train to the result of one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, examples
from training.lora import TrainingJob, train
from training.parallel import World

RECIPE = replace(QUICK, epochs=0.5)


def final_loss(model: Path, folder: Path) -> float:
    return train(TrainingJob(RECIPE, model, "0" * 64, "Lantern", folder), examples()).figures.validation_loss


def test_a_batch_is_dealt_out_without_loss() -> None:
    shares = [World(rank, 3).share([5, 6, 7, 8]) for rank in range(3)]
    assert sorted(number for share in shares for number in share) == [5, 6, 7, 8]
    assert World(0, 3).leads and not World(1, 3).leads


def test_two_processes_reach_the_loss_of_one(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    alone = final_loss(model, tmp_path / "alone")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    script = "from tests.test_parallel import *; import sys; print(final_loss(Path(sys.argv[1]), Path(sys.argv[2])))"
    helpers = []
    for rank in range(2):
        told = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}  # fmt: skip
        command = [sys.executable, "-c", script, str(model), str(tmp_path / f"run-{rank}")]
        helpers.append(subprocess.Popen(command, env=os.environ | told, stdout=subprocess.PIPE, text=True))
    losses = [json.loads(helper.communicate(timeout=240)[0].splitlines()[-1]) for helper in helpers]
    assert losses == pytest.approx([alone, alone], rel=1e-4)
