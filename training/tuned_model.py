"""The model that trains: a frozen base with LoRA matrices, its loss on packs, and its adapter weights.

Knows recipes and packs; nothing of data, schedules or adapter folders.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from assistant.errors import InvalidInput
from retrieval.hardware import fast_bf16
from training.fast_layers import reply_loss, speed_up
from training.packed_attention import PACKED, register_packed_attention
from training.packing import Pack
from training.recipe import Recipe

HEAD_EXTRAS = ("final_logit_softcapping", "logit_scale", "logits_scaling")


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder; raises InvalidInput without a chat template."""
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.chat_template:
        raise InvalidInput(f"{folder}: the tokenizer has no chat template; give an instruction-tuned model")
    return tokenizer


def load_base(folder: Path, recipe: Recipe) -> PreTrainedModel:
    """The base model, frozen, with packed attention, in the recipe's number format.

    Raises InvalidInput where an attention window is shorter than the recipe's longest example.
    """
    register_packed_attention()
    fast = fast_bf16() if recipe.precision == "auto" else recipe.precision == "bfloat16"
    given: dict[str, Any] = {"dtype": torch.bfloat16 if fast else torch.float32}
    if recipe.quantize == "4bit":
        given |= _four_bits(given["dtype"])
    model = cast(
        PreTrainedModel,
        AutoModelForCausalLM.from_pretrained(folder, attn_implementation=PACKED, use_safetensors=True, **given),
    )
    window = model.config.to_dict().get("sliding_window")
    if window and window < recipe.max_tokens:
        raise InvalidInput(
            f"recipe: max_tokens = {recipe.max_tokens} is longer than the model's attention window of {window}; "
            f"set max_tokens = {window}"
        )
    model.requires_grad_(False)
    if recipe.quantize == "none":
        model.to(device())  # type: ignore[arg-type]
    return model


def device() -> torch.device:
    """The first GPU, or the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _four_bits(dtype: torch.dtype) -> dict[str, Any]:
    """What loads a base model in 4 bits; raises InvalidInput where that cannot work."""
    if not torch.cuda.is_available():
        raise InvalidInput("recipe: quantize = '4bit' needs a CUDA GPU; use quantize = 'none' on this machine")
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
    )
    return {"quantization_config": config, "device_map": {"": 0}}


def lora_config(recipe: Recipe, layers: int) -> LoraConfig:
    """PEFT's form of the recipe for a model of `layers` layers."""
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets),
        layers_to_transform=list(range(layers - recipe.top_layers, layers)) if recipe.top_layers else None,
        use_dora=recipe.dora,
        use_rslora=recipe.rslora,
    )


@dataclass(slots=True)
class TunedModel:
    """A frozen base model with one adapter that learns."""

    peft: PeftModel
    config: LoraConfig
    plain_head: bool  # logits are hidden states times the head's weight and nothing else

    @property
    def causal(self) -> PreTrainedModel:
        """The transformers model inside, its linear layers replaced by PEFT's."""
        return cast(PreTrainedModel, self.peft.base_model.model)

    @property
    def parameters(self) -> list[Tensor]:
        """What learns, in a fixed order."""
        return [p for _, p in sorted(self.peft.named_parameters()) if p.requires_grad]

    def loss(self, pack: Pack) -> Tensor:
        """Summed cross-entropy, in nats, of the pack's target tokens."""
        given = {"input_ids": pack.ids, "position_ids": pack.positions, "packing": pack, "use_cache": False}
        if not self.plain_head:
            logits = self.causal(**given, logits_to_keep=pack.loss_at).logits[0]
            return F.cross_entropy(logits.float(), pack.targets, reduction="sum")
        hidden = self._decoder(**given).last_hidden_state[0]
        head = _head(self.causal).weight
        return reply_loss(hidden[pack.loss_at], head, pack.targets)

    @property
    def _decoder(self) -> nn.Module:
        return cast(nn.Module, self.causal.get_decoder())  # type: ignore[no-untyped-call]

    def adapter_state(self) -> dict[str, Tensor]:
        """A copy of the adapter's weights under PEFT's file names."""
        state = get_peft_model_state_dict(self.peft, save_embedding_layers=False)
        return {
            name: weight.detach().to("cpu", torch.float32, copy=True).contiguous() for name, weight in state.items()
        }

    def load_adapter_state(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `adapter_state` gave."""
        set_peft_model_state_dict(self.peft, dict(state))

    @contextmanager
    def base_only(self) -> Iterator[None]:
        """Within it the model computes as the untuned base."""
        with self.peft.disable_adapter():
            yield


def _head(model: PreTrainedModel) -> nn.Linear:
    """The layer that makes logits of hidden states."""
    return cast(nn.Linear, model.get_output_embeddings())  # type: ignore[no-untyped-call]


def with_lora(base: PreTrainedModel, config: LoraConfig) -> PeftModel:
    """PEFT's model around `base`, without its warnings about names that transformers renamed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return cast(PeftModel, get_peft_model(base, config))


def tuned_model(base: PreTrainedModel, recipe: Recipe) -> TunedModel:
    """Add fresh LoRA matrices, seeded by the recipe; raises InvalidInput when no layer has a target's name."""
    torch.manual_seed(recipe.seed)
    config = lora_config(recipe, int(base.config.num_hidden_layers))
    try:
        peft = with_lora(base, config)
    except ValueError as error:
        raise InvalidInput(f"recipe: targets = {list(recipe.targets)} do not fit this model: {error}") from error
    speed_up(peft)
    extras = base.config.to_dict()
    plain = not any(extras.get(name) for name in HEAD_EXTRAS) and _head(base).bias is None
    return TunedModel(peft, config, plain)
