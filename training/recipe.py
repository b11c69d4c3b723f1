"""The recipe of a training run: every number that shapes an adapter, read from a small TOML file.

Knows nothing of models or data; the same recipe, data, base model and machine give the same adapter.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from assistant.errors import InvalidInput

POSITIVE = (
    "rank alpha learning_rate epochs batch pack_tokens max_tokens clip validations validation_examples checkpoint_steps"
).split()
SHARES = ("warmup", "final_rate", "dropout", "unanswerable", "general", "grounded")
ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def knob(default: Any, text: str) -> Any:
    """A recipe field with the sentence that documents it."""
    return field(default=default, metadata={"text": text})


@dataclass(frozen=True, slots=True)
class Recipe:
    """All knobs of a run. The field texts are their documentation; `to_toml` writes them into the file."""

    rank: int = knob(16, "Rank of the LoRA matrices.")
    alpha: int = knob(32, "Scale of the adapter: alpha / rank (alpha / sqrt(rank) with rslora).")
    targets: tuple[str, ...] = knob(ALL_LINEAR, "Names of the linear layers that carry adapters.")
    top_layers: int = knob(0, "Adapt only this many of the topmost layers; 0 means all.")
    dropout: float = knob(0.0, "Dropout before the LoRA matrices.")
    dora: bool = knob(False, "DoRA: learn magnitude and direction apart (slower; not for llama.cpp).")
    rslora: bool = knob(False, "Rank-stabilised scale.")
    learning_rate: float = knob(1e-3, "Peak learning rate of AdamW.")
    warmup: float = knob(0.05, "Share of the steps in which the learning rate rises; then it falls as a cosine.")
    final_rate: float = knob(0.05, "Learning rate of the last step as a share of the peak.")
    weight_decay: float = knob(0.0, "AdamW weight decay of the LoRA matrices.")
    clip: float = knob(1.0, "Largest gradient norm.")
    epochs: float = knob(1.6, "Passes over the training examples; a fraction is allowed.")
    max_examples: int = knob(2700, "Most examples, the best first (2,700 short ones: 16 minutes on 2 cores); 0: all.")
    batch: int = knob(8, "Examples of one optimizer step.")
    pack_tokens: int = knob(1024, "Most tokens computed at once; bounds memory, changes no result but rounding.")
    max_tokens: int = knob(1024, "Longest example; older turns, then the last passages are left out to fit.")
    history_tokens: int = knob(512, "Tokens of earlier turns in a prompt; the setting of the same name replaces it.")
    unanswerable: float = knob(
        0.06, "Examples with passages of other questions and the reply 'I don't know', as a share."
    )
    general: float = knob(0.02, "General questions with the base model's own replies, as a share, against forgetting.")
    grounded: float = knob(
        0.08, "Questions of your own knowledge base answered out of their passages, as a share, against forgetting."
    )
    validations: int = knob(3, "Times the validation loss is measured.")
    validation_examples: int = knob(64, "Most validation examples used each time.")
    patience: int = knob(3, "Stop after this many validations without a better loss; 0 never stops early.")
    checkpoint_steps: int = knob(20, "Steps between checkpoints for resuming.")
    precision: str = knob("auto", "auto is bfloat16 where the hardware has it and float32 elsewhere.")
    quantize: str = knob("none", "4bit holds the base model in 4 bits (QLoRA; needs a CUDA GPU and bitsandbytes).")
    seed: int = knob(17, "Seed of initial weights, order and dropout.")

    def __post_init__(self) -> None:
        values = asdict(self)
        for name in POSITIVE:
            if not values[name] > 0:
                raise InvalidInput(f"recipe: {name} = {values[name]!r} must be above 0")
        if self.max_examples < 0:
            raise InvalidInput(f"recipe: max_examples = {self.max_examples!r} must be 0 or more")
        for name in SHARES:
            if not 0 <= values[name] < 1:
                raise InvalidInput(f"recipe: {name} = {values[name]!r} must be at least 0 and below 1")
        if not self.targets:
            raise InvalidInput("recipe: targets is empty; name at least one linear layer, such as 'q_proj'")
        if self.precision not in ("auto", "float32", "bfloat16") or self.quantize not in ("none", "4bit"):
            raise InvalidInput(
                f"recipe: precision = {self.precision!r} must be auto, float32 or bfloat16, "
                f"and quantize = {self.quantize!r} must be none or 4bit"
            )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping; `recipe_from` reads it back."""
        return asdict(self) | {"targets": list(self.targets)}

    def to_toml(self) -> str:
        """The recipe as a documented TOML file; `load_recipe` reads it back."""
        lines = ["# Recipe of an Assistant training run; every line may be left out.", ""]
        for knob_field in fields(self):
            value = self.to_dict()[knob_field.name]
            lines += [f"# {knob_field.metadata['text']}", f"{knob_field.name} = {json.dumps(value)}", ""]
        return "\n".join(lines)


def recipe_from(values: dict[str, Any]) -> Recipe:
    """A recipe from plain values, defaults for the rest; raises InvalidInput naming an unknown or wrong knob."""
    known = {knob_field.name: knob_field for knob_field in fields(Recipe)}
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise InvalidInput(f"recipe: unknown knob {name!r}; known are {', '.join(known)}")
        plain[name] = _typed(name, value, known[name].default)
    return Recipe(**plain)


def _typed(name: str, value: Any, default: Any) -> Any:
    """`value` as the type of the knob's default; whole numbers serve as fractions."""
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
    elif isinstance(default, float) and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif type(value) is type(default):
        return value
    raise InvalidInput(f"recipe: {name} = {value!r} must be like {default!r}")


def load_recipe(path: Path) -> Recipe:
    """Read a TOML file; raises InvalidInput naming the file and what is wrong in it."""
    if not path.is_file():
        raise InvalidInput(f"no recipe at {str(path)!r}; assistant train --write-recipe {path} makes one to start from")
    try:
        return recipe_from(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, InvalidInput) as error:
        raise InvalidInput(f"{path}: {error}") from error


def sweep_candidates(recipe: Recipe) -> tuple[Recipe, ...]:
    """A few neighbours of `recipe`, itself first: half and double the rate, half and double the rank."""
    return (
        recipe,
        replace(recipe, learning_rate=recipe.learning_rate * 2),
        replace(recipe, learning_rate=recipe.learning_rate / 2),
        replace(recipe, rank=recipe.rank * 2, alpha=recipe.alpha * 2),
        replace(recipe, rank=max(1, recipe.rank // 2), alpha=max(1, recipe.alpha // 2)),
        replace(recipe, batch=max(1, recipe.batch // 2)),
    )
