"""The commands that learn, end to end on a tiny model: what they print is the contract's JSON and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assistant.settings import default_home
from tests.tiny_models import tiny_llama
from training.recipe import Recipe, load_recipe
from ui.cli import app

TOPICS = ("parcel", "refund", "invoice", "password", "warranty", "delivery", "voucher", "account")
WAYS = ("by van", "on foot", "over night", "with the ferry", "through the tunnel", "under guard", "as promised")
PLACES = ("from the harbour", "out of the cellar", "across the bridge", "to your neighbour", "past the old mill")
RECIPE = "rank = 2\nbatch = 4\nvalidations = 1\nvalidation_examples = 4\ngeneral = 0.0\nlearning_rate = 0.01\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose model is tiny, with a log, cases and a recipe in it."""
    folder = tmp_path_factory.mktemp("home")
    if (default_home() / "models").is_dir():
        (folder / "models").symlink_to((default_home() / "models").resolve())
    (folder / "assistant.toml").write_text(f'model = "{tiny_llama(tmp_path_factory.mktemp("tiny"))}"\n', "utf-8")
    (folder / "recipe.toml").write_text(RECIPE, "utf-8")
    talks, cases = [], []
    for number in range(60):
        topic, way, place = TOPICS[number % 8], WAYS[number % 7], PLACES[number % 5]
        asked = {"role": "user", "content": f"{place} or {way}, where is my {topic}?"}
        known = [{"text": f"Every {topic} goes {place} {way}."}]
        reply = f"The {topic} goes {place} and then {way}."
        talks.append({"id": str(number), "messages": [asked], "reply": reply, "knowledge": known})
        cases.append({"id": str(number), "messages": [asked], "reply": reply, "knowledge": known if number else None})
    for name, records in (("log.jsonl", talks), ("cases.jsonl", cases[:3])):
        (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return folder


def one_json(home: Path, *words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["--home", str(home), *words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def trained(home: Path) -> dict[str, Any]:
    """What training on the file prints."""
    return one_json(home, "train", "--logs", str(home / "log.jsonl"), "--recipe", str(home / "recipe.toml"))


def test_train_tells_the_contract_s_figures(trained: dict[str, Any]) -> None:
    named = "adapter dropped examples steps tokens_per_second train_loss validation_loss seconds"
    assert sorted(trained) == sorted(named.split())
    assert trained["examples"] > 40 and trained["steps"] > 5 and trained["tokens_per_second"] > 0


def test_the_store_is_trained_on_without_files(home: Path) -> None:
    assert one_json(home, "logs", "import", str(home / "log.jsonl"))["added"] == 60
    assert one_json(home, "train", "--recipe", str(home / "recipe.toml"))["examples"] > 40


def test_base_and_adapter_are_scored(home: Path, trained: dict[str, Any]) -> None:
    cases = ["--cases", str(home / "cases.jsonl")]
    base, tuned = (one_json(home, "perplexity", "--adapter", who, *cases) for who in ("base", trained["adapter"]))
    assert sorted(base) == ["perplexity", "tokens"]
    assert tuned["tokens"] == base["tokens"] and tuned["perplexity"] < base["perplexity"]
    report = home / "report.html"
    scores = one_json(home, "evaluate", "--adapter", trained["adapter"], *cases, "--report", str(report))
    named = "adapter n rouge1 rouge2 rougeL bleu chrf similarity groundedness perplexity latency_ms intervals"
    assert list(scores) == named.split()
    assert (scores["adapter"], scores["n"]) == (trained["adapter"], 3)
    assert scores["perplexity"] == pytest.approx(tuned["perplexity"])
    assert "base against" in report.read_text("utf-8")


def test_the_default_recipe_can_be_written_and_edited(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    done = CliRunner().invoke(app, ["--home", str(tmp_path), "train", "--write-recipe", str(path)])
    assert done.exit_code == 0 and load_recipe(path) == Recipe()
