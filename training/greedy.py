"""Greedy replies of a tuned model for many prompts at once, without an engine; for training's own needs.

Knows token ids and a model; nothing of prompts' wording or of serving.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerBase

from training.packed_attention import PACKED
from training.tuned_model import TunedModel, device

ROWS = 32  # prompts decoded together


def greedy_replies(
    model: TunedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], tokens: int
) -> list[str]:
    """One reply of at most `tokens` tokens for each templated prompt, in order."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    replies = [""] * len(prompts)
    model.peft.eval()
    model.causal.set_attn_implementation("sdpa")
    try:
        for start in range(0, len(order), ROWS):
            numbers = order[start : start + ROWS]
            texts = _batch(model, tokenizer, [prompts[i] for i in numbers], tokens)
            for number, text in zip(numbers, texts, strict=True):
                replies[number] = text
    finally:
        model.causal.set_attn_implementation(PACKED)
    return replies


def _batch(model: TunedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], tokens: int) -> list[str]:
    given = tokenizer(
        list(prompts), return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False
    ).to(device())
    with torch.inference_mode():
        out = model.causal.generate(  # type: ignore[operator]
            **given, max_new_tokens=tokens, do_sample=False, pad_token_id=tokenizer.pad_token_id or 0
        )
    texts: list[str] = tokenizer.batch_decode(out[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
    return [text.strip() for text in texts]
