"""Perplexity is of the references' tokens only, for the base and for an adapter."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import InvalidInput
from assistant.settings import load_settings
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, examples, settings_for
from training.cases import cases_of
from training.perplexity import perplexity
from training.tuning import tune


def test_an_adapter_finds_its_references_less_surprising(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    settings = settings_for(model, tmp_path / "home")
    made = tune(settings, QUICK, examples())
    assert made is not None
    cases = cases_of(examples())
    base = perplexity(settings, model, None, cases)
    tuned = perplexity(settings, model, made.folder, cases)
    assert base.tokens == tuned.tokens > 0
    assert math.log(base.perplexity) == pytest.approx(made.figures.base_loss, rel=0.1)
    assert tuned.perplexity < 0.8 * base.perplexity


def test_cases_that_do_not_fit_are_said(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    long = [replace(case, reply="long words " * 600) for case in cases_of(examples(1))]
    with pytest.raises(InvalidInput, match="no case fits into 512 tokens"):
        perplexity(load_settings(tmp_path, model=str(model), context_tokens=512), model, None, long)
