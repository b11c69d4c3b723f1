"""LoRA adapters with random weights for the default model, as PEFT folder and as GGUF, to see that they take effect."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

from assistant.engines import Adapter

RANK, WIDTH, HIDDEN = 4, 576, 1536  # of SmolLM2-135M


def write_adapter(folder: Path, adapter_id: str, seed: int) -> Adapter:
    """An adapter on every up-projection, the same in both formats; strong enough to change greedy replies."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    peft: dict[str, np.ndarray] = {}
    writer = gguf.GGUFWriter(folder / "adapter.gguf", "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for layer in range(30):
        a = random.normal(0, 0.3, (RANK, WIDTH)).astype(np.float32)
        b = random.normal(0, 0.3, (HIDDEN, RANK)).astype(np.float32)
        peft[f"base_model.model.model.layers.{layer}.mlp.up_proj.lora_A.weight"] = a
        peft[f"base_model.model.model.layers.{layer}.mlp.up_proj.lora_B.weight"] = b
        writer.add_tensor(f"blk.{layer}.ffn_up.weight.lora_a", a)
        writer.add_tensor(f"blk.{layer}.ffn_up.weight.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(peft, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": RANK,
        "target_modules": ["up_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return Adapter(adapter_id, folder)
