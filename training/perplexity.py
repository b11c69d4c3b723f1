"""Perplexity of reference replies, rendered as serving renders, for the base model and for any adapter.

Knows models and cases; nothing of generation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from assistant.adapter_folder import WEIGHTS
from assistant.errors import InvalidInput
from assistant.settings import Settings
from training.cases import Case
from training.dataset import Encoder
from training.lora import mean_loss
from training.recipe import recipe_from
from training.tuned_model import TunedModel, load_base, load_tokenizer, tuned_model

PACK_TOKENS = 1024  # computed at once


@dataclass(frozen=True, slots=True)
class Perplexity:
    """exp of the mean cross-entropy over `tokens` reply tokens, end of turn included."""

    perplexity: float
    tokens: int


def load_tuned(model_folder: Path, adapter_folder: Path | None, max_tokens: int) -> TunedModel:
    """The base model, with the weights of a verified adapter folder where one is given."""
    values = {} if adapter_folder is None else json.loads((adapter_folder / "recipe.json").read_text("utf-8"))
    recipe = recipe_from({**values, "max_tokens": max_tokens})
    model = tuned_model(load_base(model_folder, recipe), recipe)
    if adapter_folder is not None:
        model.load_adapter_state(load_file(adapter_folder / WEIGHTS))
    return model


def perplexity(
    settings: Settings, model_folder: Path, adapter_folder: Path | None, cases: Sequence[Case]
) -> Perplexity:
    """Perplexity of the cases' references. Raises InvalidInput when none fits the context."""
    most = settings.context_tokens
    model = load_tuned(model_folder, adapter_folder, most)
    encoder = Encoder(load_tokenizer(model_folder), settings.company, most, settings.history_tokens)
    rows = [row for case in cases if (row := encoder.encode(case.example())) is not None]
    if not rows:
        raise InvalidInput(f"no case fits into {most} tokens (setting context_tokens)")
    return Perplexity(math.exp(mean_loss(model, rows, PACK_TOKENS)), sum(row.targets for row in rows))
