"""Writes a PEFT LoRA adapter as a GGUF file for llama.cpp.

Knows tensor names and layouts of both; nothing of training or serving.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

from assistant.adapter_folder import CONFIG, WEIGHTS
from assistant.errors import InvalidInput

# transformers' model_type -> llama.cpp's architecture, and whether llama.cpp stores query and key rows interleaved.
ARCHITECTURES = {
    "llama": (gguf.MODEL_ARCH.LLAMA, True),
    "mistral": (gguf.MODEL_ARCH.LLAMA, True),
    "qwen2": (gguf.MODEL_ARCH.QWEN2, False),
    "qwen3": (gguf.MODEL_ARCH.QWEN3, False),
    "gemma3_text": (gguf.MODEL_ARCH.GEMMA3, False),
    "smollm3": (gguf.MODEL_ARCH.SMOLLM3, True),
}
_NAME = re.compile(r"base_model\.model\.(?P<layer>[\w.]+)\.lora_(?P<side>[AB])\.weight")


def write_gguf_adapter(adapter: Path, model_folder: Path, target: Path) -> None:
    """Convert the PEFT adapter in folder `adapter` of the base in `model_folder` to the file `target` (float32).

    Raises InvalidInput for a model llama.cpp adapters are not known for here, and for DoRA, which it cannot run.
    """
    config = json.loads((adapter / CONFIG).read_text("utf-8"))
    model = json.loads((model_folder / "config.json").read_text("utf-8"))
    if config.get("use_dora"):
        raise InvalidInput("llama.cpp cannot run DoRA adapters; train with dora = false or serve with the torch engine")
    if model["model_type"] not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise InvalidInput(f"no GGUF adapters for model_type {model['model_type']!r}; known are {known}")
    architecture, interleaved = ARCHITECTURES[model["model_type"]]
    names = gguf.get_tensor_name_map(architecture, int(model["num_hidden_layers"]))
    partial = target.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, _alpha(config))
    for name, weight in sorted(load_file(adapter / WEIGHTS).items()):
        match = _NAME.fullmatch(name)
        place = names.get_name(f"{match['layer']}.weight", try_suffixes=(".weight",)) if match else None
        if match is None or place is None:
            raise InvalidInput(f"{WEIGHTS}: llama.cpp has no place for {name!r}")
        rows = weight.astype(np.float32)
        if interleaved and match["side"] == "B":
            rows = _interleaved(rows, match["layer"], model)
        writer.add_tensor(f"{place}.lora_{match['side'].lower()}", np.ascontiguousarray(rows))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(partial, target)


def _alpha(config: dict[str, Any]) -> float:
    """llama.cpp scales by alpha / rank; rank-stabilised adapters by alpha / sqrt(rank)."""
    alpha = float(config["lora_alpha"])
    return alpha * math.sqrt(config["r"]) if config.get("use_rslora") else alpha


def _interleaved(rows: np.ndarray, layer: str, model: dict[str, Any]) -> np.ndarray:
    """Rows of query and key in llama.cpp's order: the two halves of each head's rotary pairs side by side."""
    kind = layer.rsplit(".", 1)[-1]
    if kind not in ("q_proj", "k_proj"):
        return rows
    heads = int(model["num_attention_heads"])
    heads = heads if kind == "q_proj" else int(model.get("num_key_value_heads") or heads)
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, rows.shape[1])
    return halves.swapaxes(1, 2).reshape(rows.shape)
