"""GGUF adapters hold the same matrices in llama.cpp's names and order; llama.cpp and torch then say the same."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

from assistant.adapter_folder import GGUF, WEIGHTS
from assistant.errors import InvalidInput
from assistant.settings import load_settings
from assistant.weights import ensure_models, torch_folder
from tests.tiny_models import tiny_llama
from training.adapter_gguf import write_gguf_adapter
from training.recipe import Recipe
from training.tuned_model import TunedModel, load_base, load_tokenizer, tuned_model

QUESTIONS = (
    "Where is my parcel?", "Can I return shoes after thirty days?", "Why was my flight cancelled?",
    "How do I reset my password?", "Do you ship to Norway?", "What does express delivery cost?",
    "My lamp arrived broken.", "Can I change my order?", "Is there a discount for students?",
    "When do you open on Sunday?", "I was charged twice.", "Do you have this in blue?",
    "How long is the warranty?", "Can I pay by invoice?", "My voucher does not work.",
    "Where can I find my invoice?", "I want to cancel my subscription.", "Does the hotel have free parking?",
    "Is breakfast included?", "Thank you for your help!",
)  # fmt: skip


def with_adapter(model: Path, folder: Path, recipe: Recipe, strength: float) -> TunedModel:
    """A model with a random adapter, saved into `folder`."""
    tuned = tuned_model(load_base(model, recipe), recipe)
    dice = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in sorted(tuned.peft.named_parameters()):
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=dice) * strength)
    folder.mkdir(exist_ok=True)
    save_file(tuned.adapter_state(), folder / WEIGHTS)
    tuned.config.save_pretrained(str(folder))
    return tuned


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    return fields, {tensor.name: np.array(tensor.data) for tensor in reader.tensors}


def test_every_matrix_has_its_place(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    with_adapter(model, tmp_path / "adapter", Recipe(rank=4, alpha=8), 0.1)
    write_gguf_adapter(tmp_path / "adapter", model, tmp_path / GGUF)
    fields, tensors = read(tmp_path / GGUF)
    assert fields["general.type"] == "adapter" and fields["adapter.type"] == "lora"
    assert fields["general.architecture"] == "llama" and fields["adapter.lora.alpha"] == 8
    weights = load_file(tmp_path / "adapter" / WEIGHTS)
    assert len(tensors) == len(weights) == 28
    name = "base_model.model.model.layers.1.mlp.down_proj.lora_{}.weight"
    assert np.array_equal(tensors["blk.1.ffn_down.weight.lora_a"], weights[name.format("A")])
    assert np.array_equal(tensors["blk.1.ffn_down.weight.lora_b"], weights[name.format("B")])
    assert not list(tmp_path.glob("*.partial"))


def test_query_rows_stand_as_llama_cpp_rotates_them(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    with_adapter(model, tmp_path / "adapter", Recipe(rank=4), 0.1)
    write_gguf_adapter(tmp_path / "adapter", model, tmp_path / GGUF)
    _, tensors = read(tmp_path / GGUF)
    rows = load_file(tmp_path / "adapter" / WEIGHTS)["base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight"]
    size = rows.shape[0] // 2  # of one of the two key heads
    order = [head * size + half * size // 2 + i for head in range(2) for i in range(size // 2) for half in range(2)]
    assert np.array_equal(tensors["blk.0.attn_k.weight.lora_b"], rows[order])


def test_rank_stabilised_scale_is_carried_by_alpha(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    with_adapter(model, tmp_path / "adapter", Recipe(rank=4, alpha=8, rslora=True), 0.1)
    write_gguf_adapter(tmp_path / "adapter", model, tmp_path / GGUF)
    assert read(tmp_path / GGUF)[0]["adapter.lora.alpha"] == pytest.approx(8 * math.sqrt(4))


def test_what_llama_cpp_cannot_run_is_refused(tmp_path: Path) -> None:
    model = tiny_llama(tmp_path / "model")
    with_adapter(model, tmp_path / "dora", Recipe(rank=4, dora=True), 0.1)
    with pytest.raises(InvalidInput, match="DoRA"):
        write_gguf_adapter(tmp_path / "dora", model, tmp_path / GGUF)
    with_adapter(model, tmp_path / "adapter", Recipe(rank=4), 0.1)
    config = json.loads((model / "config.json").read_text("utf-8"))
    (model / "config.json").write_text(json.dumps(config | {"model_type": "mamba"}), "utf-8")
    with pytest.raises(InvalidInput, match="'mamba'"):
        write_gguf_adapter(tmp_path / "adapter", model, tmp_path / GGUF)


def float_gguf(source: Path, target: Path) -> Path:
    """The same weights without quantisation, so that llama.cpp does not round its activations to 8 bits."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        if kind == gguf.GGUFValueType.ARRAY:
            writer.add_array(field.name, field.contents())
        else:
            writer.add_key_value(field.name, field.contents(), kind)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


@pytest.fixture
def llama(tmp_path: Path) -> Iterator[tuple[Any, TunedModel, Path]]:
    """llama.cpp and torch with the default model and the same adapter."""
    import xllamacpp

    settings = load_settings()
    gguf_file, folder = ensure_models(settings).gguf, torch_folder(settings)
    tuned = with_adapter(folder, tmp_path / "adapter", Recipe(seed=1, precision="float32"), 0.003)
    write_gguf_adapter(tmp_path / "adapter", folder, tmp_path / GGUF)
    params = xllamacpp.CommonParams()
    params.model.path = str(float_gguf(gguf_file, tmp_path / "float.gguf"))
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(tmp_path / GGUF), 1.0)]
    params.n_ctx, params.n_parallel, params.verbosity = 1024, 1, 0
    yield xllamacpp.Server(params), tuned, folder


@pytest.mark.integration
def test_llama_cpp_and_torch_say_the_same(llama: tuple[Any, TunedModel, Path]) -> None:
    server, tuned, folder = llama
    tokenizer = load_tokenizer(folder)
    tokenizer.padding_side = "left"
    tuned.causal.set_attn_implementation("sdpa")
    tuned.peft.eval()
    system = {"role": "system", "content": "You are a helpful agent."}
    prompts = [
        tokenizer.apply_chat_template(
            [system, {"role": "user", "content": question}], tokenize=False, add_generation_prompt=True
        )
        for question in QUESTIONS
    ]
    given = tokenizer(prompts, return_tensors="pt", add_special_tokens=False, padding=True)
    with torch.inference_mode():
        out = tuned.causal.generate(**given, max_new_tokens=10, do_sample=False)[:, given["input_ids"].shape[1] :]
        chances = torch.log_softmax(tuned.causal(**given).logits[:, -1], dim=-1)
        with tuned.base_only():
            changed = tuned.causal(**given).logits[:, -1].argmax(dim=-1) != out[:, 0]
    assert changed.any(), "the adapter must matter for the comparison to mean anything"
    for prompt, reply, after in zip(prompts, out, chances, strict=True):
        ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        answer = server.handle_completions({"prompt": ids, "temperature": 0, "max_tokens": 10, "logprobs": 5})
        choice = answer["choices"][0]
        assert choice["text"] == tokenizer.decode(reply, skip_special_tokens=True), prompt
        for top in choice["logprobs"]["content"][0]["top_logprobs"]:
            assert top["logprob"] == pytest.approx(float(after[top["id"]]), abs=0.02), prompt
