"""From examples to an adapter on the shelf that verifies, loads in PEFT and can be promoted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from assistant.adapter_folder import ALLOWED, read_manifest
from assistant.adapters import serving_adapter, verified_adapter
from assistant.base_model import base_model
from assistant.prompt import PROMPT_VERSION
from assistant.settings import Settings
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, examples, settings_for
from training.adapter_files import new_adapter_id
from training.dataset_version import examples_hash
from training.lora import TrainingProgress
from training.packing import pack
from training.perplexity import load_tuned
from training.registry import Registry
from training.tuning import Tuned, tune


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_for(tiny_llama(tmp_path_factory.mktemp("tiny")), tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def tuned(settings: Settings) -> Tuned:
    made = tune(settings, QUICK, examples(), sources=("a test",))
    assert made is not None
    return made


def test_a_run_killed_with_one_recipe_does_not_stand_in_the_way_of_another(settings: Settings, tmp_path: Path) -> None:
    fresh = settings.model_copy(update={"home": tmp_path})

    class Killed(Exception):
        pass

    def killed(progress: TrainingProgress) -> None:
        raise Killed

    with pytest.raises(Killed):
        tune(fresh, replace(QUICK, checkpoint_steps=1), examples(), watch=killed)
    made = tune(fresh, replace(QUICK, checkpoint_steps=1, seed=5), examples())
    assert made is not None
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["tensorboard"]


def test_the_folder_describes_itself(settings: Settings, tuned: Tuned) -> None:
    manifest = read_manifest(tuned.folder)
    assert {path.name for path in tuned.folder.iterdir()} == ALLOWED
    assert manifest.id == tuned.id == tuned.folder.name
    assert manifest.base_sha256 == base_model(settings).sha256
    assert manifest.prompt_version == PROMPT_VERSION
    assert manifest.dataset_hash == examples_hash(examples())
    assert json.loads((tuned.folder / "recipe.json").read_text("utf-8")) == QUICK.to_dict()
    assert json.loads((tuned.folder / "metrics.json").read_text("utf-8"))["steps"] == tuned.figures.steps
    card = (tuned.folder / "README.md").read_text("utf-8")
    assert tuned.id in card and manifest.base_sha256 in card and "a test" in card


def test_the_run_leaves_nothing_but_adapter_and_event_files(settings: Settings, tuned: Tuned) -> None:
    assert [path.name for path in (settings.home / "runs").iterdir()] == ["tensorboard"]
    assert list((settings.home / "runs" / "tensorboard" / tuned.id).iterdir())
    assert not [path for path in settings.adapters_folder.iterdir() if path.name.startswith(".adapter")]


def test_peft_by_itself_computes_the_same(settings: Settings, tuned: Tuned) -> None:
    folder = base_model(settings).folder
    with pytest.warns(FutureWarning, match="gradient_checkpointing"):
        peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), str(tuned.folder))
    ours = load_tuned(folder, tuned.folder, 256)
    from training.dataset import Encoder
    from training.tuned_model import load_tokenizer

    row = Encoder(load_tokenizer(folder), "Lantern", 256, 64).encode(examples()[1])
    assert row is not None
    with torch.inference_mode():
        logits = peft(input_ids=torch.tensor([row.ids])).logits[0]
        start, end = row.spans[0]
        expected = torch.nn.functional.cross_entropy(
            logits[start - 1 : end - 1], torch.tensor(row.ids[start:end]), reduction="sum"
        )
        assert ours.loss(pack([row])).item() == pytest.approx(expected.item(), rel=1e-4)


def test_it_can_be_promoted_and_rolled_back(settings: Settings, tuned: Tuned) -> None:
    registry = Registry(settings)
    assert serving_adapter(settings) is None
    registry.promote(tuned.id)
    assert serving_adapter(settings) == verified_adapter(settings, tuned.id)
    assert registry.rollback() is None
    assert serving_adapter(settings) is None


def test_two_adapters_of_one_second_have_two_ids(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, 12, 59, 59, tzinfo=UTC)
    (tmp_path / new_adapter_id(tmp_path, "abcdef0123", moment)).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["20260101-125959-abcdef"]
    assert new_adapter_id(tmp_path, "abcdef0123", moment) == "20260101-130000-abcdef"


def test_a_share_of_questions_with_passages_is_mixed_in(settings: Settings) -> None:
    recipe = replace(QUICK, epochs=0.25, grounded=0.25, unanswerable=0.0)
    made = tune(settings, recipe, examples())
    assert made is not None and made.figures.kinds == {"log": 16, "grounded": 4}
    assert read_manifest(made.folder).dataset_hash == examples_hash(examples())  # the log alone names the data


def test_a_sweep_trains_the_best_neighbour(settings: Settings) -> None:
    recipe = replace(QUICK, epochs=1.0, validations=1)
    made = tune(settings, recipe, examples(12), sweep=True)
    assert made is not None
    assert made.figures.validation_loss < made.figures.base_loss
    assert len(Registry(settings).list().adapters) >= 1
