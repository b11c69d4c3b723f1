"""How likely a model finds the replies people gave, case by case, rendered as serving renders.

Knows models and cases; nothing of generation or of what the figures decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from assistant.settings import Settings
from training.cases import Case
from training.dataset import Encoder
from training.examined import CaseLoss
from training.packing import pack
from training.perplexity import load_tuned
from training.tuned_model import device, load_tokenizer


def case_losses(
    settings: Settings,
    model_folder: Path,
    adapter_folder: Path | None,
    cases: Sequence[Case],
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, CaseLoss]:
    """The loss of each case's reference by case id; cases that do not fit the context are left out."""
    most = settings.context_tokens
    model = load_tuned(model_folder, adapter_folder, most)
    model.peft.eval()
    encoder = Encoder(load_tokenizer(model_folder), settings.company, most, settings.history_tokens)
    losses = {}
    with torch.inference_mode():
        for done, case in enumerate(cases, start=1):
            row = encoder.encode(case.example())
            if row is not None:
                losses[case.id] = CaseLoss(model.loss(pack([row]).to(device())).item(), row.targets)
            progress(done)
    return losses
