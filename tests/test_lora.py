"""Training learns, stops in time, and goes on after a kill to the same result."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from assistant.base_model import base_model
from assistant.errors import InvalidInput
from assistant.settings import load_settings
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, example, examples
from training import lora
from training.examples import read_examples
from training.lora import TrainingJob, TrainingProgress, TrainingResult, train
from training.recipe import Recipe


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


def job(model: Path, folder: Path, recipe: Recipe = QUICK) -> TrainingJob:
    return TrainingJob(recipe, model, "0" * 64, "Lantern", folder)


class Killed(Exception):
    """Stands for kill -9 at the end of a step."""


def kill_at(step: int) -> lora.Watcher:
    def watch(progress: TrainingProgress) -> None:
        if progress.step == step:
            raise Killed

    return watch


def assert_same(one: TrainingResult, other: TrainingResult) -> None:
    assert one.weights.keys() == other.weights.keys()
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert one.figures.points == other.figures.points


def test_training_lowers_the_loss_and_reports_every_step(model: Path, tmp_path: Path) -> None:
    seen: list[TrainingProgress] = []
    result = train(job(model, tmp_path), examples(), seen.append)
    figures = result.figures
    assert figures.steps == len(seen) == 12
    assert figures.validation_loss < figures.base_loss - 0.5
    assert figures.base_loss == pytest.approx(math.log(400), rel=0.1)  # a fresh model knows nothing
    assert figures.train_loss < figures.base_loss
    assert seen[-1].seconds_left == 0 and seen[0].seconds_left > 0
    assert sum(p.validation_loss is not None for p in seen) == 4
    assert figures.examples == sum(figures.kinds.values()) == 16
    assert figures.tokens_per_second > 0


def test_no_more_than_the_best_examples_are_learnt_from(model: Path, tmp_path: Path) -> None:
    recipe = replace(QUICK, max_examples=6, unanswerable=0.0, epochs=1)
    figures = train(job(model, tmp_path / "some", recipe), examples()).figures
    assert (figures.kinds, figures.dropped) == ({"log": 6}, {"over_limit": 10})
    unlimited = train(job(model, tmp_path / "all", replace(recipe, max_examples=0)), examples()).figures
    assert (unlimited.kinds, unlimited.dropped) == ({"log": 16}, {})


def test_the_learning_rate_rises_then_falls(model: Path, tmp_path: Path) -> None:
    seen: list[TrainingProgress] = []
    train(job(model, tmp_path, replace(QUICK, warmup=0.25, final_rate=0.1)), examples(), seen.append)
    rates = [p.learning_rate for p in seen]
    assert rates[:3] == pytest.approx([0.01 / 3, 0.02 / 3, 0.01])
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[-1] == pytest.approx(0.001, rel=0.5)


@pytest.mark.parametrize("step", [1, 2, 5, 11])
def test_a_killed_run_goes_on_to_the_same_result(model: Path, tmp_path: Path, step: int) -> None:
    recipe = replace(QUICK, dropout=0.1, general=0.1)
    whole = train(job(model, tmp_path / "whole", recipe), examples())
    with pytest.raises(Killed):
        train(job(model, tmp_path / "killed", recipe), examples(), kill_at(step))
    assert_same(whole, train(job(model, tmp_path / "killed", recipe), examples()))


def test_a_finished_run_is_not_trained_again(model: Path, tmp_path: Path) -> None:
    whole = train(job(model, tmp_path), examples())
    assert_same(whole, train(job(model, tmp_path), examples(), kill_at(1)))


def test_a_run_folder_of_other_data_is_refused(model: Path, tmp_path: Path) -> None:
    train(job(model, tmp_path, replace(QUICK, epochs=0.25)), examples())
    with pytest.raises(InvalidInput, match="another recipe, data or base model"):
        train(job(model, tmp_path, replace(QUICK, epochs=0.25)), examples(12))


def test_training_stops_when_it_no_longer_helps_and_keeps_the_best(model: Path, tmp_path: Path) -> None:
    recipe = replace(QUICK, learning_rate=3.0, clip=1e6, epochs=10, validations=40, patience=2)
    result = train(job(model, tmp_path, recipe), examples())
    assert result.figures.stopped_early
    assert result.figures.steps < 40
    assert result.figures.validation_loss == min(point.validation_loss for point in result.figures.points)


def test_general_examples_are_the_base_models_own_replies(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "training.general.greedy_replies", lambda model, tokenizer, prompts, n: ["Yes. Cut"] * len(prompts)
    )
    result = train(job(model, tmp_path, replace(QUICK, general=0.2, unanswerable=0.5)), examples())
    assert result.figures.kinds == {"log": 16, "unanswerable": 4, "general": 4}


def test_questions_with_passages_are_learnt_beside_the_log_and_the_base_writes_their_missing_replies(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def replies(model: object, tokenizer: object, prompts: list[str], tokens: int) -> list[str]:
        read.extend(prompts)
        return ["Every refund travels within 1 days. It is red."] * len(prompts)

    monkeypatch.setattr("training.general.greedy_replies", replies)
    told = replace(example(1), id="grounded-d#0", reply="", kind="grounded")
    ready = replace(example(3), id="grounded-d#3", kind="grounded")
    made = replace(job(model, tmp_path, replace(QUICK, unanswerable=0.0)), grounded=(told, ready))
    assert train(made, examples()).figures.kinds == {"log": 16, "grounded": 2}
    (prompt,) = read
    assert "Information:\nEvery refund travels within 1 days." in prompt
    kept = {e.id: e.reply for e in read_examples(tmp_path / "grounded.jsonl")}
    assert kept == {"grounded-d#0": "Every refund travels within 1 days.", "grounded-d#3": ready.reply}
    train(made, examples())
    assert len(read) == 1  # a resumed run learns from the same ones


def test_nothing_to_learn_from_is_said(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="0 examples to train on and 4 to validate"):
        train(job(model, tmp_path), [e for e in examples() if e.split == "validation"])


def test_what_is_too_long_is_counted(model: Path, tmp_path: Path) -> None:
    given = [replace(examples()[0], id="long", reply="long words " * 900), *examples()]
    result = train(job(model, tmp_path, replace(QUICK, epochs=0.25)), given)
    assert result.figures.dropped == {"too_long": 1}


@pytest.mark.integration
def test_the_default_model_learns_within_a_minute(tmp_path: Path) -> None:
    settings = load_settings()
    base = base_model(settings)
    recipe = replace(QUICK, rank=8, batch=4, epochs=2, learning_rate=2e-3, validations=2, general=0.1)
    told = TrainingJob(recipe, base.folder, base.sha256, "Lantern", tmp_path)
    figures = train(told, examples(8)).figures
    assert figures.validation_loss < 0.6 * figures.base_loss
    assert figures.kinds["general"] == 1
