import pytest
import torch

from retrieval.hardware import cores, fast_bf16


@pytest.mark.parametrize(("capability", "fast"), [("avx512_bf16", True), ("amx_bf16", True), ("avx2", False)])
def test_bf16_is_fast_only_with_its_instructions(monkeypatch: pytest.MonkeyPatch, capability: str, fast: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True})
    assert fast_bf16() is fast


def test_there_is_at_least_one_core() -> None:
    assert cores() >= 1
