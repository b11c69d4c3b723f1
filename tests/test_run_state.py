"""The state file of a run: complete, atomic, and tied to its run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from assistant.errors import InvalidInput
from training.loss_points import Point
from training.run_state import RunState, load_run, restore_optimizer, save_run


def test_everything_is_read_back(tmp_path: Path) -> None:
    weights = [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.zeros(3))]
    optimizer = torch.optim.AdamW(weights)
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    state = RunState("run", step=3, tokens=7, best_loss=0.5, best_step=2, points=[Point(0, None, 1.5, 0.1)])
    path = tmp_path / "run.safetensors"
    save_run(path, state, {"a": torch.ones(1)}, {"a": torch.zeros(1)}, optimizer, weights)
    saved = load_run(path, "run")
    assert saved is not None
    assert saved.state == state
    assert saved.adapter["a"].item() == 1 and saved.best["a"].item() == 0
    fresh = torch.optim.AdamW(weights)
    restore_optimizer(fresh, weights, saved.optimizer)
    assert torch.equal(fresh.state[weights[1]]["exp_avg"], optimizer.state[weights[1]]["exp_avg"])
    assert torch.equal(saved.random, torch.get_rng_state())
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


def test_no_file_is_a_new_run_and_another_runs_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    assert load_run(path, "run") is None
    save_run(path, RunState("other"), {}, {}, torch.optim.AdamW([torch.zeros(1)]), [])
    with pytest.raises(InvalidInput, match="another recipe"):
        load_run(path, "run")
