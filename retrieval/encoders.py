"""Two ways to run a transformer over token numbers: torch, and CTranslate2 after a conversion.

Knows nothing of texts, pooling or unit vectors.
"""

from __future__ import annotations

import tempfile
import warnings
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


class CTranslate2Encoder:
    """The same weights in CTranslate2: no padding is computed, and short texts take a few milliseconds."""

    def __init__(self, folder_or_name: str, threads: int) -> None:
        """Convert and load; raises Unconvertible."""
        with tempfile.TemporaryDirectory(prefix="assistant-embedder-") as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the converter still speaks of torch_dtype
            try:
                _Converter(folder_or_name).convert(folder, force=True)
            except (ValueError, AssertionError, AttributeError, KeyError) as error:
                raise Unconvertible(f"{folder_or_name!r}: {error}") from error
            self._encoder = ctranslate2.Encoder(
                folder, device="cpu", compute_type="float32", inter_threads=1, intra_threads=threads
            )

    def __call__(self, ids: list[list[int]]) -> torch.Tensor:
        """See HiddenStates."""
        return torch.from_numpy(np.array(self._encoder.forward_batch(ids).last_hidden_state))
