"""Recipes are small documented files that refuse what they do not understand."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from assistant.errors import InvalidInput
from training.recipe import Recipe, load_recipe, recipe_from, sweep_candidates


def test_a_written_recipe_reads_back_the_same(tmp_path: Path) -> None:
    recipe = Recipe(rank=8, targets=("q_proj", "v_proj"), learning_rate=3e-5, dora=True, precision="float32")
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), "utf-8")
    assert load_recipe(path) == recipe
    assert recipe_from(recipe.to_dict()) == recipe


def test_every_knob_is_explained_in_the_file() -> None:
    text = Recipe().to_toml()
    assert all(f"# {knob.metadata['text']}\n{knob.name} = " in text for knob in fields(Recipe))


def test_a_short_file_keeps_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("rank = 4\nlearning_rate = 1\n", "utf-8")
    assert load_recipe(path) == replace(Recipe(), rank=4, learning_rate=1.0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rang = 4", "unknown knob 'rang'"),
        ('rank = "four"', "rank = 'four'"),
        ("rank = 4.5", "rank = 4.5"),
        ("rank = true", "rank = True"),
        ("rank = 0", "rank = 0 must be above 0"),
        ("dropout = 1.0", "dropout = 1.0"),
        ("targets = []", "targets is empty"),
        ("targets = [1]", "targets = [1]"),
        ('precision = "float8"', "precision = 'float8'"),
        ("rank = ", "recipe.toml"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidInput) as caught:
        load_recipe(path)
    assert named in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"none\.toml.*--write-recipe"):
        load_recipe(tmp_path / "none.toml")


def test_a_sweep_tries_distinct_neighbours_and_the_recipe_itself() -> None:
    candidates = sweep_candidates(Recipe())
    assert candidates[0] == Recipe()
    assert len(set(candidates)) == len(candidates) >= 4
