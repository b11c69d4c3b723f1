"""Successive halving spends most on the best."""

from __future__ import annotations

from dataclasses import replace

from training.recipe import Recipe
from training.sweep import successive_halving


def test_the_better_half_goes_on_with_twice_the_data() -> None:
    recipes = [Recipe(epochs=2, seed=n) for n in range(6)]
    tried: list[tuple[int, float]] = []

    def try_one(recipe: Recipe) -> float:
        tried.append((recipe.seed, recipe.epochs))
        return abs(recipe.seed - 3.9)

    sweep = successive_halving(recipes, try_one)
    assert sweep.best == replace(recipes[0], seed=4)
    assert tried[:6] == [(n, 0.25) for n in range(6)]
    assert tried[6:] == [(4, 0.5), (3, 0.5), (5, 0.5), (4, 1.0), (3, 1.0)]
    assert [trial.round for trial in sweep.trials] == [0] * 6 + [1] * 3 + [2] * 2


def test_one_candidate_needs_no_trial() -> None:
    assert successive_halving([Recipe()], lambda recipe: 0.0).trials == ()
