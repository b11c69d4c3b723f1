"""From examples to a registered adapter: optionally sweep, train, write the folder, register it.

The one place where training's parts are joined; knows nothing of where examples come from.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.base_model import BaseModel, base_model
from assistant.engines import Adapter
from assistant.settings import Settings
from training.adapter_files import AdapterOrigin, new_adapter_id, write_adapter
from training.curve import write_events
from training.dataset_version import examples_hash, save_version
from training.examples import Example
from training.grounded import grounded_examples
from training.lineage import lineage_of
from training.lora import TrainingFigures, TrainingJob, Watcher, train, watch_nothing
from training.parallel import join_world
from training.recipe import Recipe, sweep_candidates
from training.registry import Registry
from training.sweep import successive_halving


@dataclass(frozen=True, slots=True)
class Tuned:
    """A trained, registered adapter and how its run went."""

    id: str
    folder: Path
    figures: TrainingFigures


def tune(
    settings: Settings,
    recipe: Recipe,
    examples: Sequence[Example],
    *,
    sources: Sequence[str] = (),
    sweep: bool = False,
    start: Adapter | None = None,
    watch: Watcher = watch_nothing,
) -> Tuned | None:
    """Train one adapter and put it on the shelf; a killed call goes on when it is repeated with the same arguments.

    `start` is a verified adapter of the recipe's shape to go on from; without one, training starts from the base.
    Returns None in the helping processes of torchrun. Raises InvalidInput when there is nothing to learn from.
    """
    base = base_model(settings)
    recipe = replace(recipe, history_tokens=settings.history_tokens)  # training shows what serving shows
    runs = settings.home / "runs" / examples_hash(examples)[:16]
    if sweep:
        recipe = _swept(settings, base, recipe, examples, runs, watch)
    if join_world().leads:
        save_version(settings.datasets_folder, examples, {}, {}, sources)
    job = replace(_job(settings, base, recipe, runs, start), grounded=_grounded(settings, recipe, examples))
    result = train(job, examples, watch)
    if not join_world().leads:
        return None
    origin = AdapterOrigin(
        new_adapter_id(settings.adapters_folder, result.figures.dataset_hash),
        base,
        recipe,
        settings.company,
        tuple(sources),
        lineage_of(examples, [start.id] if start else ()),
    )
    folder = write_adapter(settings.adapters_folder, origin, result)
    write_events(settings.home / "runs" / "tensorboard" / origin.id, result.figures.points)
    Registry(settings).add(origin.id, result.figures.validation_loss)
    shutil.rmtree(runs)
    return Tuned(origin.id, folder, result.figures)


def _job(settings: Settings, base: BaseModel, recipe: Recipe, runs: Path, start: Adapter | None = None) -> TrainingJob:
    """The job with a folder of its own among the `runs` on the same examples, so that another recipe starts anew."""
    made_of = json.dumps([recipe.to_dict(), base.sha256, settings.company, *([start.id] if start else [])])
    folder = runs / hashlib.sha256(made_of.encode()).hexdigest()[:16]
    return TrainingJob(recipe, base.folder, base.sha256, settings.company, folder, start.folder if start else None)


def _grounded(settings: Settings, recipe: Recipe, examples: Sequence[Example]) -> tuple[Example, ...]:
    """Questions with passages as a share of what is learnt from."""
    able = sum(example.split == "train" for example in examples)
    learnt = min(able, recipe.max_examples or able)
    return tuple(grounded_examples(settings, round(recipe.grounded * learnt), recipe.seed))


def _swept(
    settings: Settings, base: BaseModel, recipe: Recipe, examples: Sequence[Example], runs: Path, watch: Watcher
) -> Recipe:
    """The best of a few neighbours of `recipe`."""

    def try_one(candidate: Recipe) -> float:
        return train(_job(settings, base, candidate, runs), examples, watch).figures.validation_loss

    return successive_halving(sweep_candidates(recipe), try_one).best
