"""Attention of a pack: no example sees another, all see the shared prefix.

Computes what transformers' attention computes for each example alone (tests compare values and gradients); knows
nothing of the other layers, of data or of optimisation.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface

from training.packing import Pack

PACKED = "assistant_packed"  # name of the attention for `attn_implementation`


class _Spread(torch.autograd.Function):
    """The stream (n, c) in the padded layout: (b, l, c) of the rests, or (b, p + l, c) with the prefix before each.

    Its backward needs no scattered additions: each rest token stands in one place, and the prefix is summed.
    """

    @staticmethod
    def forward(ctx: Any, stream: Tensor, pack: Pack, with_prefix: bool) -> Tensor:
        places = pack.keys if with_prefix else pack.rows
        ctx.pack, ctx.with_prefix = pack, with_prefix
        return stream.index_select(0, places.flatten()).view(*places.shape, stream.shape[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), pack = grads, ctx.pack
        channels, prefix = grad.shape[2], pack.prefix
        out = grad.new_empty(prefix + len(pack.flat), channels)
        if ctx.with_prefix:
            torch.sum(grad[:, :prefix], dim=0, out=out[:prefix])
            grad = grad[:, prefix:]
        else:
            out[:prefix] = 0
        torch.index_select(grad.reshape(-1, channels), 0, pack.flat, out=out[prefix:])
        return out, None, None


class _Collect(torch.autograd.Function):
    """The rests' tokens (n - p, c) out of the padded layout (b * l, c)."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, flat: Tensor) -> Tensor:
        ctx.save_for_backward(flat)
        ctx.rows = len(padded)
        return padded.index_select(0, flat)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (flat,) = ctx.saved_tensors
        out = grads[0].new_zeros(ctx.rows, grads[0].shape[1])
        return out.index_copy_(0, flat, grads[0]), None


class _ByHand(torch.autograd.Function):
    """Attention as four plain products a direction that keeps its weights; all (batch, tokens, channels).

    On a processor, PyTorch's own takes four times as long forwards and nine times backwards for the short rows of
    a pack: it was a third of a training step.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, hidden: Tensor, scale: float) -> Tensor:
        scores = torch.baddbmm(hidden[None], query, key.transpose(1, 2), alpha=scale)
        weights = torch.softmax(scores, dim=-1)
        out = torch.bmm(weights, value)
        ctx.save_for_backward(query, key, value, weights, out)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, weights, out = ctx.saved_tensors
        grad = grads[0]
        along = (grad * out).sum(dim=-1, keepdim=True)
        for_scores = torch.bmm(grad, value.transpose(1, 2)).sub_(along).mul_(weights).mul_(ctx.scale)
        for_value = torch.bmm(weights.transpose(1, 2), grad)
        return torch.bmm(for_scores, key), torch.bmm(for_scores.transpose(1, 2), query), for_value, None, None


def attend_by_library(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Query (b, l, h, d), keys and values (b, k, h / groups, d), mask (l, k) True where a token may look: (b, l, h, d).

    PyTorch's own kernel, which is the fast one on a GPU.
    """
    q, k, v = (states.transpose(1, 2) for states in (query, key, value))
    grouped = key.shape[2] < query.shape[2]
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale, enable_gqa=grouped)
    return mixed.transpose(1, 2)


def attend_by_hand(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float) -> Tensor:
    """The same by plain products, which is the fast way on a processor.

    The queries of the heads that share a key are laid below each other, so that no key is copied.
    """
    batch, length, heads, size = query.shape
    shared = key.shape[2]
    below = query.view(batch, length, shared, -1, size).permute(0, 2, 3, 1, 4).reshape(batch * shared, -1, size)
    keys, values = (states.transpose(1, 2).reshape(batch * shared, -1, size) for states in (key, value))
    hidden = torch.zeros(mask.shape, dtype=query.dtype).masked_fill_(~mask, torch.finfo(query.dtype).min)
    out: Tensor = _ByHand.apply(  # type: ignore[no-untyped-call]
        below, keys, values, hidden.repeat(heads // shared, 1), scale
    )
    return out.view(batch, shared, -1, length, size).permute(0, 3, 1, 2, 4).reshape(batch, length, heads, size)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    packing: Pack,
    scaling: float | None = None,
    **unused: Any,
) -> tuple[Tensor, None]:
    """Attention of a Pack: no example sees another, all see the shared prefix. Query (1, h, n, d) -> (1, n, h, d).

    `attention_mask` is None: the pack says who sees whom. The base is frozen, so its attention has no dropout.
    """
    heads, size, prefix = query.shape[1], query.shape[3], packing.prefix
    scale = size**-0.5 if scaling is None else scaling

    def padded(states: Tensor, with_prefix: bool) -> Tensor:
        stream = states[0].transpose(0, 1).flatten(1)
        laid: Tensor = _Spread.apply(stream, packing, with_prefix)  # type: ignore[no-untyped-call]
        return laid.view(*laid.shape[:2], -1, size)

    attend = attend_by_hand if query.device.type == "cpu" else attend_by_library
    mixed = attend(padded(query, False), padded(key, True), padded(value, True), packing.mask, scale)
    rests: Tensor = _Collect.apply(mixed.flatten(2).flatten(0, 1), packing.flat)  # type: ignore[no-untyped-call]
    out = rests.view(-1, heads, size)
    if prefix:
        q, k, v = (states[:, :, :prefix].transpose(1, 2) for states in (query, key, value))
        causal = torch.ones(prefix, prefix, dtype=torch.bool, device=query.device).tril_()
        out = torch.cat([attend(q, k, v, causal, scale)[0], out])
    return out[None], None


def register_packed_attention() -> None:
    """Make PACKED a known attention of transformers; it needs `packing=Pack` in every forward call."""
    AttentionInterface.register(PACKED, packed_attention)
