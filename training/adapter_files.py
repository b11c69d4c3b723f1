"""Writes an adapter folder that describes itself: weights, recipe, figures, loss curve, card, and hashes of them all.

Knows the folder's format (assistant/adapter_folder.py reads it); nothing of how training went about it.
"""

from __future__ import annotations

import copy
import json
import math
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from assistant.adapter_folder import FORMAT, GGUF, MANIFEST, WEIGHTS
from assistant.base_model import BaseModel
from assistant.file_hashes import sha256, sync_folder
from assistant.prompt import PROMPT_VERSION
from training.adapter_gguf import ARCHITECTURES, write_gguf_adapter
from training.curve import curve_page
from training.lineage import LINEAGE, Lineage
from training.lora import TrainingFigures, TrainingResult
from training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class AdapterOrigin:
    """What an adapter was made of."""

    id: str
    base: BaseModel
    recipe: Recipe
    company: str
    sources: tuple[str, ...] = ()  # where the conversations came from, for the card
    lineage: Lineage = field(default_factory=Lineage)


def new_adapter_id(adapters: Path, dataset_hash: str, now: datetime | None = None) -> str:
    """A sortable id that is free in `adapters`: time of day and the beginning of the data's hash."""
    moment = now or datetime.now(UTC)
    while (adapters / (made := f"{moment:%Y%m%d-%H%M%S}-{dataset_hash[:6]}")).exists():
        moment += timedelta(seconds=1)
    return made


def write_adapter(adapters: Path, origin: AdapterOrigin, result: TrainingResult) -> Path:
    """Write the folder `adapters`/<id> at once and durably; returns it. Raises FileExistsError for a taken id."""
    adapters.mkdir(parents=True, exist_ok=True)
    target = adapters / origin.id
    if target.exists():
        raise FileExistsError(f"{target} is there already")
    staging = Path(tempfile.mkdtemp(prefix=".adapter-", dir=adapters))
    try:
        _fill(staging, origin, result)
        for path in staging.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        staging.chmod(0o755)
        os.replace(staging, target)
        sync_folder(adapters)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _fill(folder: Path, origin: AdapterOrigin, result: TrainingResult) -> None:
    figures, config = result.figures, copy.copy(result.config)
    save_file(result.weights, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / WEIGHTS).chmod(0o644)
    config.base_model_name_or_path = origin.base.name
    config.inference_mode = True
    config.save_pretrained(str(folder))
    _write_json(folder / "recipe.json", origin.recipe.to_dict())
    _write_json(folder / "metrics.json", asdict(figures))
    _write_json(folder / LINEAGE, origin.lineage.to_dict())
    (folder / "curve.html").write_text(curve_page(origin.id, figures.points), "utf-8")
    (folder / "README.md").write_text(card(origin, figures), "utf-8")
    model = json.loads((origin.base.folder / "config.json").read_text("utf-8"))
    if model["model_type"] in ARCHITECTURES and not origin.recipe.dora:
        write_gguf_adapter(folder, origin.base.folder, folder / GGUF)
    _write_json(folder / MANIFEST, _manifest(folder, origin, figures))


def card(origin: AdapterOrigin, figures: TrainingFigures) -> str:
    """The model card: what this is, what it learnt from, how well, and how to use it."""
    recipe = origin.recipe
    variants = (", DoRA" if recipe.dora else "") + (", rsLoRA" if recipe.rslora else "")
    better = math.exp(figures.base_loss), math.exp(figures.validation_loss)
    return f"""# {origin.id}

LoRA adapter for **{origin.base.name}**, trained by Assistant to reply as a customer service agent of {origin.company}.

| | |
|---|---|
| base model sha256 | `{origin.base.sha256}` |
| prompt version | {PROMPT_VERSION} |
| data | {figures.examples} examples, hash `{figures.dataset_hash[:16]}` |
| sources | {", ".join(origin.sources) or "not recorded"} |
| LoRA | rank {recipe.rank}, alpha {recipe.alpha}{variants} |
| steps | {figures.steps}, best at {figures.best_step}{" (stopped early)" if figures.stopped_early else ""} |
| speed | {figures.tokens_per_second:.0f} tokens/s, {figures.seconds / 60:.1f} minutes |
| perplexity of {figures.validation_examples} held-out replies | {better[0]:.2f} before, {better[1]:.2f} after |

It was trained with the loss on the reply's tokens only, rendered by the prompt renderer that serves. It is meant for
the prompts of this product and this version; loading it with another base model or prompt version is refused.
It imitates the replies it was shown, so it can repeat their mistakes; facts must come from the passages given.

Use: `assistant adapters promote {origin.id}`. With PEFT: `PeftModel.from_pretrained(base, folder)`; with llama.cpp:
`--lora adapter.gguf`. `recipe.json` holds every knob, `metrics.json` every figure, `curve.html` the loss curve.
"""


def _manifest(folder: Path, origin: AdapterOrigin, figures: TrainingFigures) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "id": origin.id,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "base": {"name": origin.base.name, "sha256": origin.base.sha256},
        "prompt_version": PROMPT_VERSION,
        "dataset_hash": figures.dataset_hash,
        "company": origin.company,
        "files": {path.name: sha256(path) for path in sorted(folder.iterdir())},
    }


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", "utf-8")
