"""The layers that make training fast on few cores: merged LoRA products, lean norms, loss without big logits.

Each computes exactly what it replaces (tests compare values and gradients); knows nothing of data or optimisation.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm

HEAD_ROWS = 256  # logits held at once: 256 x 49,152 floats are 50 MB


class _MergedProduct(torch.autograd.Function):
    """x (W + s B A)^T as one product: cheaper than two thin ones beside it, and only x is kept for backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(x, weight, a, b)
        ctx.scale = scale
        return F.linear(x, torch.addmm(weight, b, a, alpha=scale))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, a, b = ctx.saved_tensors
        grad, flat = grads[0].reshape(-1, grads[0].shape[-1]), x.reshape(-1, x.shape[-1])
        for_x = None
        if ctx.needs_input_grad[0]:
            for_x = (grad @ torch.addmm(weight, b, a, alpha=ctx.scale)).view(x.shape)
        for_b = (grad.t() @ (flat @ a.t())).mul_(ctx.scale)
        for_a = ((grad @ b).t() @ flat).mul_(ctx.scale)
        return for_x, None, for_a, for_b, None


class _SideProduct(torch.autograd.Function):
    """x W^T + s (x A^T) B^T in bfloat16, where merging would round the small update away; only x is kept.

    A and B stay float32 and are rounded for the products, as autocast does.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(x, weight, a, b)
        ctx.scale = scale
        side = F.linear(F.linear(x, a.to(x.dtype)), b.to(x.dtype))
        return F.linear(x, weight).add_(side, alpha=scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, a, b = ctx.saved_tensors
        grad, flat = grads[0].reshape(-1, grads[0].shape[-1]), x.reshape(-1, x.shape[-1])
        small_a, small_b = a.to(x.dtype), b.to(x.dtype)
        inner = (grad @ small_b).mul_(ctx.scale)
        for_x = None
        if ctx.needs_input_grad[0]:
            for_x = torch.addmm(grad @ weight, inner, small_a).view(x.shape)
        for_b = (grad.t() @ (flat @ small_a.t())).float().mul_(ctx.scale)
        for_a = (inner.t() @ flat).float()
        return for_x, None, for_a, for_b, None


class LeanLoraLinear(LoraLinear):
    """PEFT's plain LoRA layer (one adapter, no dropout, no variant) as one function that keeps only its input."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """(…, in) -> (…, out)."""
        base = cast(nn.Linear, self.get_base_layer())
        if self.disable_adapters:
            return F.linear(x, base.weight, base.bias)
        name = self.active_adapters[0]
        product = _MergedProduct if base.weight.dtype == torch.float32 else _SideProduct
        out: Tensor = product.apply(  # type: ignore[no-untyped-call]
            x, base.weight, self.lora_A[name].weight, self.lora_B[name].weight, self.scaling[name]
        )
        return out if base.bias is None else out.add_(base.bias)


class _FrozenNorm(torch.autograd.Function):
    """Root-mean-square norm with a fixed weight: keeps one tensor instead of five."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        inverse = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        normal = x * inverse
        ctx.save_for_backward(normal, inverse, weight)
        scaled: Tensor = normal * weight
        return scaled

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        normal, inverse, weight = ctx.saved_tensors
        grad = grads[0] * weight
        along = torch.linalg.vecdot(grad, normal).unsqueeze(-1).div_(normal.shape[-1])
        return grad.addcmul_(normal, along, value=-1).mul_(inverse), None, None


class FrozenNorm(LlamaRMSNorm):
    """LlamaRMSNorm whose weight does not learn."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(…, c) -> (…, c)."""
        out: Tensor = _FrozenNorm.apply(  # type: ignore[no-untyped-call]
            hidden_states, self.weight, self.variance_epsilon
        )
        return out


class _GatedSilu(torch.autograd.Function):
    """silu(gate) * up, computing silu again in backward instead of keeping it."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        gate, up = ctx.saved_tensors
        return torch.ops.aten.silu_backward(grads[0] * up, gate), F.silu(gate).mul_(grads[0])


class LeanMLP(LlamaMLP):
    """LlamaMLP with less kept for backward."""

    def forward(self, x: Tensor) -> Tensor:
        """(…, c) -> (…, c)."""
        out: Tensor = self.down_proj(_GatedSilu.apply(self.gate_proj(x), self.up_proj(x)))  # type: ignore[no-untyped-call]
        return out


def speed_up(model: nn.Module) -> None:
    """Give the plain layers of a PEFT model their lean forms; others stay as they are.

    The classes are swapped in place, so that names, weights and saving remain PEFT's and transformers'.
    """
    for module in model.modules():
        if type(module) is LoraLinear and _plain(module):
            module.__class__ = LeanLoraLinear
        elif type(module) is LlamaRMSNorm and module.weight.dtype == torch.float32:
            module.__class__ = FrozenNorm
        elif type(module) is LlamaMLP and module.config.hidden_act == "silu":
            module.__class__ = LeanMLP


def _plain(module: LoraLinear) -> bool:
    """Is this LoRA without variants, dropout or quantised weights?"""
    name = module.active_adapters[0]
    return (
        isinstance(module.lora_dropout[name], nn.Identity)
        and name not in module.lora_variant
        and module.lora_A[name].bias is None
        and module.get_base_layer().weight.dtype in (torch.float32, torch.bfloat16)
        and not module.fan_in_fan_out
    )


class _ReplyLoss(torch.autograd.Function):
    """Summed cross-entropy of a fixed output head; the gradient is made on the way, so logits are never kept."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
        gradient = torch.empty_like(hidden)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(hidden), HEAD_ROWS):
            rows = slice(start, start + HEAD_ROWS)
            logits = F.linear(hidden[rows], head).float()
            target = targets[rows, None]
            log_sum = torch.logsumexp(logits, dim=1, keepdim=True)
            total += (log_sum - logits.gather(1, target)).sum()
            chances = logits.sub_(log_sum).exp_()
            chances.scatter_add_(1, target, chances.new_full(target.shape, -1.0))
            gradient[rows] = chances.to(head.dtype) @ head
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.saved_tensors[0] * grads[0], None, None


def reply_loss(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Summed cross-entropy in nats of `targets` (t,) from last hidden states (t, c) and a frozen head (v, c)."""
    loss: Tensor = _ReplyLoss.apply(hidden, head, targets)  # type: ignore[no-untyped-call]
    return loss
