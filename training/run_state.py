"""The state of a training run in one file, so that a killed run goes on to the same result.

Knows tensors and numbers; nothing of models. The file is safetensors with JSON beside the weights: no pickle.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from assistant.errors import InvalidInput
from assistant.file_hashes import sync_folder
from training.loss_points import Point


@dataclass(slots=True)
class RunState:
    """How far a run is. `fingerprint` tells runs of other recipes, data or base models apart."""

    fingerprint: str
    step: int = 0
    tokens: int = 0  # trained, each example counted whole
    seconds: float = 0.0
    best_step: int = -1
    best_loss: float = float("inf")
    worse: int = 0  # validations in a row that were no better
    recent: list[float] = field(default_factory=list)  # training losses since the last point
    points: list[Point] = field(default_factory=list)


def save_run(
    path: Path,
    state: RunState,
    adapter: dict[str, Tensor],
    best: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    parameters: Sequence[Tensor],
) -> None:
    """Write everything durably and at once: a kill leaves the old file or the new one."""
    tensors = {f"adapter.{name}": tensor for name, tensor in adapter.items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    for number, parameter in enumerate(parameters):
        for name, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{number}.{name}"] = value.detach().cpu().contiguous()
    tensors["random"] = torch.get_rng_state()
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"state": json.dumps(asdict(state))})
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)
    sync_folder(path.parent)


@dataclass(frozen=True, slots=True)
class SavedRun:
    """What `save_run` wrote."""

    state: RunState
    adapter: dict[str, Tensor]
    best: dict[str, Tensor]
    optimizer: dict[int, dict[str, Tensor]]
    random: Tensor


def load_run(path: Path, fingerprint: str) -> SavedRun | None:
    """The saved state, or None when there is none; raises InvalidInput when it is of another run."""
    if not path.is_file():
        return None
    adapter: dict[str, Tensor] = {}
    best: dict[str, Tensor] = {}
    optimizer: dict[int, dict[str, Tensor]] = {}
    with safe_open(path, framework="pt") as file:
        values = json.loads(file.metadata()["state"])
        for key in file.keys():  # noqa: SIM118 (not a mapping)
            kind, _, name = key.partition(".")
            if kind == "adapter":
                adapter[name] = file.get_tensor(key)
            elif kind == "best":
                best[name] = file.get_tensor(key)
            elif kind == "optimizer":
                number, _, slot = name.partition(".")
                optimizer.setdefault(int(number), {})[slot] = file.get_tensor(key)
        random = file.get_tensor("random")
    if values["fingerprint"] != fingerprint:
        raise InvalidInput(
            f"{path} belongs to a run with another recipe, data or base model; choose another run folder"
        )
    state = RunState(**{**values, "points": [Point(**point) for point in values["points"]]})
    return SavedRun(state, adapter, best, optimizer, random)


def restore_optimizer(
    optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor], saved: dict[int, dict[str, Tensor]]
) -> None:
    """Put the optimizer's moments back, on the device of their parameters."""
    for number, slots in saved.items():
        parameter = parameters[number]
        optimizer.state[parameter] = {
            name: value if name == "step" else value.to(parameter.device) for name, value in slots.items()
        }
