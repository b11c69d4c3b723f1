"""Perplexity is of the references' tokens only, for the base and for an adapter."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from assistant.errors import InvalidInput
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, examples, settings_for
from training.cases import cases_of
from training.perplexity import perplexity
from training.tuning import tune


def test_an_adapter_finds_its_references_less_surprising(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    made = tune(settings_for(model, tmp_path / "home"), QUICK, examples())
    assert made is not None
    cases = cases_of(examples())
    base = perplexity(model, None, cases, "Lantern", 512)
    tuned = perplexity(model, made.folder, cases, "Lantern", 512)
    assert base.tokens == tuned.tokens > 0
    assert math.log(base.perplexity) == pytest.approx(made.figures.base_loss, rel=0.1)
    assert tuned.perplexity < 0.8 * base.perplexity


def test_cases_that_do_not_fit_are_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no case fits into 8 tokens"):
        perplexity(tiny_llama(tmp_path), None, cases_of(examples()), "Lantern", 8)
