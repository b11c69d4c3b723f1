"""A cycle goes on from what serves only while that is sound, and a training begun at an adapter resumes exactly."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from assistant.adapters import verified_adapter
from assistant.base_model import base_model
from assistant.settings import Settings
from assistant.store_runs import Run, Step
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, examples, settings_for
from training.cycle import refused_going_on
from training.dataset_version import versions
from training.examples import Example
from training.lineage import read_lineage
from training.lora import TrainingJob, TrainingProgress, train
from training.registry import Registry
from training.start import choose_start, going_on
from training.tuning import Tuned, tune


def learnt() -> list[Example]:
    return [replace(example, message_ids=(f"asked-{example.id}", f"said-{example.id}")) for example in examples()]


MOMENT = datetime(2026, 11, 24, tzinfo=UTC)
APPROVED = {example.message_ids[-1] for example in learnt()}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_for(tiny_llama(tmp_path_factory.mktemp("tiny")), tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def first(settings: Settings) -> Tuned:
    made = tune(settings, QUICK, learnt())
    assert made is not None
    Registry(settings).promote(made.id)
    return made


@pytest.fixture(scope="module")
def second(settings: Settings, first: Tuned) -> Tuned:
    made = tune(settings, replace(going_on(QUICK), epochs=1.0), learnt(), start=verified_adapter(settings, first.id))
    assert made is not None
    return made


def test_it_goes_on_from_what_serves(settings: Settings, first: Tuned) -> None:
    start = choose_start(settings, QUICK, APPROVED, refused_going_on=False)
    assert start.adapters == (first.id,) and "replay" in start.words


def test_with_nothing_serving_it_begins_at_the_base(tmp_path: Path, settings: Settings) -> None:
    empty = settings.model_copy(update={"home": tmp_path})
    assert choose_start(empty, QUICK, APPROVED, refused_going_on=False).adapters == (None,)


@pytest.mark.parametrize(
    ("recipe", "approved", "refused", "told"),
    [
        (replace(QUICK, rank=8), APPROVED, False, "rank = 8"),
        (QUICK, APPROVED - {"said-train-3"}, False, "learnt 1 replies that are not approved any more"),
        (QUICK, APPROVED, True, "was refused"),
    ],
)
def test_it_begins_at_the_base_where_going_on_is_not_sound(
    settings: Settings, first: Tuned, recipe: object, approved: set[str], refused: bool, told: str
) -> None:
    start = choose_start(settings, recipe, approved, refused)  # type: ignore[arg-type]
    assert start.adapters == (None,) and told in start.words


def test_a_lost_data_set_or_a_block_forbids_going_on(settings: Settings, first: Tuned) -> None:
    kept, aside = settings.datasets_folder, settings.home / "aside"
    shutil.move(kept, aside)
    try:
        assert "data set" in choose_start(settings, QUICK, APPROVED, False).words
    finally:
        shutil.move(aside, kept)
    Registry(settings).block([first.id], "a customer was erased")
    assert "a customer was erased" in choose_start(settings, QUICK, APPROVED, False).words
    Registry(settings).unblock(first.id)


def test_the_settings_choose(settings: Settings, first: Tuned, second: Tuned) -> None:
    def chosen(**change: object) -> tuple[str | None, ...]:
        return choose_start(settings.model_copy(update=change), QUICK, APPROVED, False).adapters

    assert chosen(cycle_start="base") == (None,)
    assert chosen(cycle_start="both") == (None, first.id)
    assert chosen(cycle_base_every=1) == (None,)
    Registry(settings).promote(second.id)
    assert chosen(cycle_base_every=2) == (None,)
    assert chosen(cycle_base_every=3) == (second.id,)
    Registry(settings).rollback()


def test_what_went_on_names_its_parent_and_starts_where_that_ended(first: Tuned, second: Tuned) -> None:
    lineage = read_lineage(second.folder)
    assert lineage is not None and lineage.parents == (first.id,)
    assert second.figures.base_loss == pytest.approx(first.figures.validation_loss, rel=1e-3)
    assert second.figures.validation_loss <= first.figures.validation_loss * 1.001
    assert json.loads((second.folder / "recipe.json").read_text("utf-8"))["learning_rate"] == QUICK.learning_rate / 2


def test_killed_it_goes_on_to_the_same_weights(settings: Settings, first: Tuned, tmp_path: Path) -> None:
    base = base_model(settings)
    recipe = replace(QUICK, epochs=1.0, checkpoint_steps=1)

    class Killed(Exception):
        pass

    def killed(progress: TrainingProgress) -> None:
        if progress.step == 2:
            raise Killed

    def job(folder: str) -> TrainingJob:
        return TrainingJob(recipe, base.folder, base.sha256, "Lantern", tmp_path / folder, first.folder)

    with pytest.raises(Killed):
        train(job("killed"), learnt(), killed)
    resumed, whole = train(job("killed"), learnt()), train(job("whole"), learnt())
    assert resumed.figures.steps == whole.figures.steps
    for name, weight in whole.weights.items():
        assert torch.equal(resumed.weights[name], weight), name


def test_the_data_set_of_each_is_on_the_shelf(settings: Settings, second: Tuned) -> None:
    assert len(versions(settings.datasets_folder)) == 1  # both learnt the same


def test_only_a_fault_sends_the_next_cycle_back_to_the_base() -> None:
    def past(decision: str, starts: list[str | None], *reasons: str) -> list[Run]:
        curated = Step("curate", "done", "", {"starts": starts}, 1.0, 1, MOMENT, MOMENT)
        return [Run("r", "finished", "t", decision, {"reasons": list(reasons)}, MOMENT, MOMENT, (curated,))]

    assert refused_going_on(past("refused", ["a"], "language zh: worse than the serving adapter a by more than 0.05"))
    assert not refused_going_on(past("refused", ["a"], "not better than the serving adapter a: +0.000 nats"))
    assert not refused_going_on(past("refused", [None], "language zh: worse"))
    assert not refused_going_on(past("promoted", ["a"], "better"))
    assert not refused_going_on([])
