"""Train one LoRA adapter: recipe and examples in, the best adapter's weights and the run's figures out.

A plain loop that can be killed at any moment and goes on to the same result; knows nothing of adapter folders,
stores or serving.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import load_file
from torch import Tensor

from assistant.adapter_folder import WEIGHTS
from assistant.errors import InvalidInput
from training.dataset import Encoded, Encoder, merge_nested, with_unanswerable
from training.dataset_version import examples_hash
from training.examples import Example
from training.general import general_examples, grounded_replied
from training.loss_points import Point
from training.packing import batch_order, micro_batches, pack
from training.parallel import World, join_world
from training.recipe import Recipe
from training.run_state import RunState, load_run, restore_optimizer, save_run
from training.tuned_model import TunedModel, device, load_base, load_tokenizer, tuned_model

STATE_FILE = "run.safetensors"
GENERAL_FILE, GROUNDED_FILE = "general.jsonl", "grounded.jsonl"


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What to train, on what, and where the run keeps its state."""

    recipe: Recipe
    model_folder: Path
    base_sha256: str  # of the base model, so that a run never goes on with another one
    company: str
    run_folder: Path
    start: Path | None = None  # folder of a verified adapter to go on from, instead of fresh matrices
    grounded: tuple[Example, ...] = ()  # mixed in against forgetting; see training/grounded.py


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """What a watcher sees after each step; losses in nats a token, `seconds_left` an estimate."""

    step: int
    steps: int
    train_loss: float
    validation_loss: float | None  # where it was just measured
    tokens_per_second: float
    seconds_left: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class TrainingFigures:
    """How a run went; losses in nats a token, tokens counted without padding or sharing."""

    examples: int
    validation_examples: int
    kinds: dict[str, int]
    dropped: dict[str, int]
    dataset_hash: str
    steps: int
    best_step: int
    stopped_early: bool
    tokens: int
    tokens_per_second: float
    seconds: float
    train_loss: float
    base_loss: float  # before the first step: of the untuned base, or of the adapter it started from
    validation_loss: float
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The best adapter's weights, PEFT's description of them, and how the run went."""

    weights: dict[str, Tensor]
    config: LoraConfig
    figures: TrainingFigures


Watcher = Callable[[TrainingProgress], None]


def watch_nothing(progress: TrainingProgress) -> None:
    """Report to nobody."""


@dataclass(slots=True)
class _Run:
    """Everything one run works with."""

    job: TrainingJob
    world: World
    model: TunedModel
    optimizer: torch.optim.Optimizer
    train: list[Encoded]
    validation: list[Encoded]
    batches: list[list[int]]
    state: RunState
    best: dict[str, Tensor]
    kinds: dict[str, int]  # examples trained on, by kind
    dropped: dict[str, int]
    dataset_hash: str

    @property
    def steps(self) -> int:
        return len(self.batches)

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0: a linear rise, then a cosine."""
        recipe = self.job.recipe
        rise = max(1, round(recipe.warmup * self.steps))
        if step < rise:
            return recipe.learning_rate * (step + 1) / rise
        along = (step - rise) / max(1, self.steps - rise)
        share = recipe.final_rate + (1 - recipe.final_rate) * (1 + math.cos(math.pi * along)) / 2
        return recipe.learning_rate * share


def train(job: TrainingJob, examples: Sequence[Example], watch: Watcher = watch_nothing) -> TrainingResult:
    """Train, or go on where a killed run stopped. Raises InvalidInput when there is nothing to learn from."""
    job.run_folder.mkdir(parents=True, exist_ok=True)
    run = _prepare(job, examples)
    _resume(run)
    if not run.state.points:
        _validate(run, 0)
    every = max(1, math.ceil(run.steps / job.recipe.validations))
    while run.state.step < run.steps and not _should_stop(run):
        started = time.monotonic()
        loss = _step(run)
        measured = run.state.step % every == 0 or run.state.step == run.steps
        validation_loss = _validate(run, run.state.step) if measured else None
        run.state.seconds += time.monotonic() - started
        if run.world.leads:
            _report(run, loss, validation_loss, watch)
            if measured or run.state.step % job.recipe.checkpoint_steps == 0:
                _save(run)
    return _result(run)


def _prepare(job: TrainingJob, examples: Sequence[Example]) -> _Run:
    """Load the model, encode the examples and lay out the steps."""
    recipe, world = job.recipe, join_world()
    tokenizer = load_tokenizer(job.model_folder)
    encoder = Encoder(tokenizer, job.company, recipe.max_tokens, recipe.history_tokens)
    model = tuned_model(load_base(job.model_folder, recipe), recipe)
    if job.start is not None:
        model.load_adapter_state(load_file(job.start / WEIGHTS))
    able = [example for example in examples if example.split == "train"]
    learn = able[: recipe.max_examples or None]
    over_limit = len(able) - len(learn)
    learn += grounded_replied(job.grounded, model, tokenizer, encoder, job.run_folder / GROUNDED_FILE)
    learn = with_unanswerable(learn, recipe.unanswerable, recipe.seed)
    wanted = round(recipe.general * len(learn))
    learn += general_examples(model, tokenizer, encoder, wanted, job.run_folder / GENERAL_FILE)
    encoded = [encoder.encode(example) for example in learn]
    check = [encoder.encode(example) for example in examples if example.split == "validation"]
    kept = merge_nested(row for row in encoded if row)
    validation = _validation_sample([row for row in check if row], recipe.validation_examples)
    if not kept or not validation:
        raise InvalidInput(
            f"{len(kept)} examples to train on and {len(validation)} to validate with: at least one of each is needed; "
            "import more conversations or loosen the curation rules"
        )
    batches = batch_order(len(kept), recipe.batch, recipe.epochs, recipe.seed)
    optimizer = torch.optim.AdamW(model.parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    too_long = encoded.count(None) + check.count(None)
    return _Run(
        job=job,
        world=world,
        model=model,
        optimizer=optimizer,
        train=kept,
        validation=validation,
        batches=batches,
        state=RunState(_fingerprint(job, examples)),
        best={},
        kinds=dict(Counter(example.kind for example in learn)),
        dropped={reason: n for reason, n in (("too_long", too_long), ("over_limit", over_limit)) if n},
        dataset_hash=examples_hash(examples),
    )


def _validation_sample(rows: list[Encoded], most: int) -> list[Encoded]:
    """Evenly spread examples, the same every time."""
    if len(rows) <= most:
        return rows
    return [rows[i * len(rows) // most] for i in range(most)]


def _fingerprint(job: TrainingJob, examples: Sequence[Example]) -> str:
    parts = {
        "recipe": job.recipe.to_dict(),
        "base": job.base_sha256,
        "data": examples_hash(examples),
        "order": [example.id for example in examples],
        "company": job.company,
    }
    if job.start is not None:
        parts["start"] = job.start.name
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _resume(run: _Run) -> None:
    """Take over the state of an earlier, killed run, if there is one."""
    saved = load_run(run.job.run_folder / STATE_FILE, run.state.fingerprint)
    if saved is None:
        return
    run.state, run.best = saved.state, saved.best
    run.model.load_adapter_state(saved.adapter)
    restore_optimizer(run.optimizer, run.model.parameters, saved.optimizer)
    torch.set_rng_state(saved.random)


def _save(run: _Run) -> None:
    save_run(
        run.job.run_folder / STATE_FILE,
        run.state,
        run.model.adapter_state(),
        run.best,
        run.optimizer,
        run.model.parameters,
    )


def _step(run: _Run) -> float:
    """One optimizer step; returns its loss a token."""
    batch = run.batches[run.state.step]
    rows = [run.train[i] for i in batch]
    targets = sum(row.targets for row in rows)
    run.model.peft.train()
    total = 0.0
    for part in micro_batches([run.train[i] for i in run.world.share(batch)], run.job.recipe.pack_tokens):
        loss = run.model.loss(pack(part).to(device())) / targets
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    run.world.sum_gradients(run.model.parameters)
    torch.nn.utils.clip_grad_norm_(run.model.parameters, run.job.recipe.clip)
    for group in run.optimizer.param_groups:
        group["lr"] = run.rate(run.state.step)
    run.optimizer.step()
    run.optimizer.zero_grad()
    run.state.step += 1
    run.state.tokens += sum(len(row.ids) for row in rows)
    run.state.recent.append(total)
    return total


def mean_loss(model: TunedModel, rows: Sequence[Encoded], most: int) -> float:
    """Cross-entropy in nats a target token, without learning; `most` tokens are computed at once."""
    model.peft.eval()
    with torch.inference_mode():
        total = sum(model.loss(pack(part).to(device())).item() for part in micro_batches(rows, most))
    return total / sum(row.targets for row in rows)


def _validate(run: _Run, step: int) -> float:
    """Measure the validation loss, note it, and keep the adapter if it is the best."""
    state = run.state
    loss = run.world.agree(mean_loss(run.model, run.validation, run.job.recipe.pack_tokens))
    recent = sum(state.recent) / len(state.recent) if state.recent else None
    state.points.append(Point(step, recent, loss, run.rate(max(0, step - 1))))
    state.recent = []
    if loss < state.best_loss:
        state.best_loss, state.best_step, state.worse = loss, step, 0
        run.best = run.model.adapter_state()
    else:
        state.worse += 1
    return loss


def _should_stop(run: _Run) -> bool:
    return 0 < run.job.recipe.patience <= run.state.worse


def _report(run: _Run, loss: float, validation_loss: float | None, watch: Watcher) -> None:
    state = run.state
    left = state.seconds / state.step * (run.steps - state.step)
    speed = state.tokens / state.seconds
    watch(TrainingProgress(state.step, run.steps, loss, validation_loss, speed, left, run.rate(state.step - 1)))


def _result(run: _Run) -> TrainingResult:
    state = run.state
    figures = TrainingFigures(
        examples=sum(run.kinds.values()),
        validation_examples=len(run.validation),
        kinds=run.kinds,
        dropped=run.dropped,
        dataset_hash=run.dataset_hash,
        steps=state.step,
        best_step=state.best_step,
        stopped_early=state.step < run.steps,
        tokens=state.tokens,
        tokens_per_second=round(state.tokens / state.seconds, 1),
        seconds=round(state.seconds, 1),
        train_loss=next(point.train_loss for point in reversed(state.points) if point.train_loss is not None),
        base_loss=state.points[0].validation_loss,
        validation_loss=state.best_loss,
        points=tuple(state.points),
    )
    return TrainingResult(run.best, run.model.config, figures)
