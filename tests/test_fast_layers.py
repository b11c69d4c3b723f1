"""Packed and merged computation must give the same losses and gradients as transformers and PEFT by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM

from tests.tiny_models import tiny_llama
from training.dataset import Encoded
from training.fast_layers import LeanLoraLinear, reply_loss
from training.packed_attention import attend_by_hand, attend_by_library
from training.packing import pack
from training.recipe import Recipe
from training.tuned_model import TunedModel, load_base, lora_config, tuned_model, with_lora


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def rows() -> list[Encoded]:
    """Three examples with a common beginning, one of them with two replies."""
    dice = torch.Generator().manual_seed(3)
    common = (1, 7, 8, 9, 10)
    lengths = [(6, 5), (3, 9), (11, 4)]
    made = []
    for prompt, reply in lengths:
        rest = tuple(torch.randint(3, 300, (prompt + reply,), generator=dice).tolist())
        start = len(common) + prompt
        made.append(Encoded((*common, *rest), ((start, start + reply),)))
    first = made[0]
    start, end = first.spans[0]
    made[0] = Encoded(first.ids, ((start, start + 2), (start + 3, end)))
    return made


def randomise(model: torch.nn.Module) -> None:
    """LoRA starts at zero effect; give both matrices values."""
    dice = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=dice) * 0.05)


def plain_losses(folder: Path, recipe: Recipe, rows: list[Encoded]) -> tuple[float, dict[str, torch.Tensor]]:
    """Summed loss and gradients by transformers and PEFT alone, one example at a time."""
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    base.requires_grad_(False)
    peft = with_lora(base, lora_config(recipe, 2))
    randomise(peft)
    total = torch.zeros(())
    for row in rows:
        logits = peft(input_ids=torch.tensor([row.ids])).logits[0]
        for start, end in row.spans:
            total = total + F.cross_entropy(
                logits[start - 1 : end - 1], torch.tensor(row.ids[start:end]), reduction="sum"
            )
    total.backward()
    return total.item(), {n: p.grad for n, p in peft.named_parameters() if p.grad is not None}


def assert_same(model: TunedModel, rows: list[Encoded], expected: tuple[float, dict[str, torch.Tensor]]) -> None:
    randomise(model.peft)
    loss = model.loss(pack(rows))
    loss.backward()
    assert loss.item() == pytest.approx(expected[0], rel=1e-5)
    found = {n: p.grad for n, p in model.peft.named_parameters() if p.grad is not None}
    assert found.keys() == expected[1].keys()
    for name, grad in found.items():
        torch.testing.assert_close(grad, expected[1][name], rtol=2e-4, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}")


EXACT = Recipe(rank=4, precision="float32")  # on every processor, so that results can be compared digit by digit


@pytest.mark.parametrize(
    "recipe", [EXACT, replace(EXACT, rslora=True, top_layers=1), replace(EXACT, dora=True)], ids=["plain", "rs", "dora"]
)
def test_a_pack_gives_the_losses_and_gradients_of_its_examples(
    folder: Path, rows: list[Encoded], recipe: Recipe
) -> None:
    model = tuned_model(load_base(folder, recipe), recipe)
    assert_same(model, rows, plain_losses(folder, recipe, rows))


def test_one_example_needs_no_shared_prefix(folder: Path, rows: list[Encoded]) -> None:
    recipe = EXACT
    model = tuned_model(load_base(folder, recipe), recipe)
    assert_same(model, rows[:1], plain_losses(folder, recipe, rows[:1]))


def test_plain_lora_becomes_lean_and_dora_does_not(folder: Path) -> None:
    lean = tuned_model(load_base(folder, Recipe()), Recipe())
    dora = tuned_model(load_base(folder, Recipe(dora=True)), Recipe(dora=True))
    assert sum(type(m) is LeanLoraLinear for m in lean.peft.modules()) == 14
    assert not any(type(m) is LeanLoraLinear for m in dora.peft.modules())


def test_base_only_computes_without_the_adapter(folder: Path, rows: list[Encoded]) -> None:
    recipe = EXACT
    model = tuned_model(load_base(folder, recipe), recipe)
    fresh = model.loss(pack(rows)).item()
    randomise(model.peft)
    assert model.loss(pack(rows)).item() != pytest.approx(fresh, rel=1e-4)
    with model.base_only():
        assert model.loss(pack(rows)).item() == pytest.approx(fresh, rel=1e-6)


@pytest.fixture
def loss_inputs() -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    dice = torch.Generator().manual_seed(1)
    yield (
        torch.randn(600, 16, generator=dice, requires_grad=True),
        torch.randn(50, 16, generator=dice),
        torch.randint(0, 50, (600,), generator=dice),
    )


def test_reply_loss_is_cross_entropy(loss_inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
    hidden, head, targets = loss_inputs
    whole = F.cross_entropy(hidden @ head.t(), targets, reduction="sum")
    (expected,) = torch.autograd.grad(whole * 0.5, hidden)
    loss = reply_loss(hidden, head, targets) * 0.5
    (found,) = torch.autograd.grad(loss, hidden)
    assert loss.item() == pytest.approx(0.5 * whole.item(), rel=1e-5)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_bfloat16_stays_near_float32(folder: Path, rows: list[Encoded]) -> None:
    losses, grads = [], []
    for precision in ("float32", "bfloat16"):
        recipe = Recipe(rank=4, precision=precision)
        model = tuned_model(load_base(folder, recipe), recipe)
        randomise(model.peft)
        loss = model.loss(pack(rows))
        loss.backward()
        losses.append(loss.item())
        grads.append(torch.cat([p.grad.flatten() for p in model.parameters if p.grad is not None]))
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    assert grads[1].dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(grads[0], grads[1], dim=0) > 0.99


@pytest.mark.parametrize("shared", [2, 6])
def test_both_ways_of_attention_agree(shared: int) -> None:
    """Values and gradients, with and without heads that share a key; which one runs depends on the device."""
    dice = torch.Generator().manual_seed(7)
    shapes = [(3, 5, 6, 8), (3, 9, shared, 8), (3, 9, shared, 8)]
    given = [torch.randn(shape, generator=dice).requires_grad_() for shape in shapes]
    mask = torch.arange(9) <= torch.arange(5)[:, None] + 4
    towards = torch.randn(shapes[0], generator=dice)
    found = []
    for attend in (attend_by_hand, attend_by_library):
        out = attend(given[0], given[1], given[2], mask, 0.3)
        found.append([out, *torch.autograd.grad(out, given, towards)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
