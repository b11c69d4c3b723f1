"""Two ways to run a transformer over token numbers: torch, and CTranslate2 after a conversion.

Knows nothing of texts, pooling or unit vectors.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Protocol

import ctranslate2
import numpy as np
import torch
from ctranslate2.converters import TransformersConverter
from sentence_transformers.base.modules import Transformer


class Unconvertible(Exception):
    """CTranslate2 has no conversion for this kind of model."""


class HiddenStates(Protocol):
    """A transformer's last layer."""

    def __call__(self, ids: list[list[int]]) -> torch.Tensor:
        """(rows, longest row, width) of token numbers; what stands behind the end of a shorter row is undefined."""


class TorchEncoder:
    """The model as sentence-transformers runs it."""

    def __init__(self, transformer: Transformer) -> None:
        self._transformer = transformer
        assert transformer.tokenizer is not None
        self._pad = int(transformer.tokenizer.pad_token_id or 0)

    def __call__(self, ids: list[list[int]]) -> torch.Tensor:
        """See HiddenStates."""
        longest = max(map(len, ids))
        device = self._transformer.auto_model.device
        tokens = torch.tensor([row + [self._pad] * (longest - len(row)) for row in ids], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids], device=device)
        features = self._transformer({"input_ids": tokens, "attention_mask": mask})
        hidden: torch.Tensor = features["token_embeddings"]
        return hidden


class _Converter(TransformersConverter):  # type: ignore[misc]
    def load_model(self, model_class: Any, path: str, **options: Any) -> Any:
        """As transformers loads it; its version 5 dropped a field that says what is now always so."""
        model = super().load_model(model_class, path, **options)
        vars(model.config).setdefault("position_embedding_type", "absolute")
        return model


def convert(folder_or_name: str, target: Path, weights: str | None = None) -> None:
    """Write a transformers model as a CTranslate2 model; `weights`: their number format. Raises Unconvertible."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter still speaks of torch_dtype
        try:
            _Converter(folder_or_name).convert(str(target), quantization=weights, force=True)
        except (ValueError, AssertionError, AttributeError, KeyError) as error:
            raise Unconvertible(f"{folder_or_name!r}: {error}") from error


class CTranslate2Encoder:
    """A converted transformer: no padding is computed, and short texts take a few milliseconds."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Load what `convert` wrote; afterwards the folder is not needed."""
        self._encoder = ctranslate2.Encoder(
            str(folder), device="cpu", compute_type="float32", inter_threads=1, intra_threads=threads
        )

    def __call__(self, ids: list[list[int]]) -> torch.Tensor:
        """See HiddenStates."""
        return torch.from_numpy(np.array(self._encoder.forward_batch(ids).last_hidden_state))
