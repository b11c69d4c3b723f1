"""Loads any sentence-transformers model, in torch or, where that gives the same vectors, converted for CTranslate2.

Importing it takes seconds, so it waits until such a model is asked for. Knows nothing of passages or indexes.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from ctranslate2.converters import TransformersConverter
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from retrieval.embed import Embedder, Reading, load_embedder
from retrieval.encoders import CTranslate2Encoder
from retrieval.failures import EmbedderMissing
from retrieval.hardware import fast_bf16
from retrieval.prepared import TOKENIZER, WEIGHTS, Prepared

_SAME = 0.999  # cosine above which a converted encoder is taken to be the same model
_PROBE = "How do I return a parcel?"


class Unconvertible(Exception):
    """CTranslate2 has no conversion for this kind of model."""


class HiddenStates(Protocol):
    """A transformer's last layer."""

    def __call__(self, ids: list[list[int]]) -> torch.Tensor | np.ndarray:
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


class SentenceTransformersVectors:
    """Vectors of a sentence-transformers model; without an `encoder` the model runs as a whole."""

    def __init__(self, model: SentenceTransformer, encoder: HiddenStates | None) -> None:
        self._model = model
        self.encoder = encoder

    @torch.inference_mode()
    def __call__(self, ids: list[list[int]], texts: list[str]) -> np.ndarray:
        """(n, dimension) float32 unit rows."""
        if self.encoder is None:
            found = self._model.encode(texts, batch_size=len(texts), normalize_embeddings=True, show_progress_bar=False)
            return np.asarray(found, dtype=np.float32)
        hidden = torch.as_tensor(self.encoder(ids))
        features = {"token_embeddings": hidden.float(), "attention_mask": _mask(ids, hidden)}
        for module in list(self._model)[1:]:
            features = module(features)
        vectors = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=1)
        return np.asarray(vectors.cpu().numpy(), dtype=np.float32)


def load_model(folder_or_name: str, threads: int) -> Embedder:
    """A sentence-transformers folder or hub id. Raises EmbedderMissing."""
    torch.set_num_threads(threads)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    cuda = torch.cuda.is_available()
    try:
        model = SentenceTransformer(
            folder_or_name,
            device="cuda" if cuda else "cpu",
            model_kwargs={"dtype": torch.bfloat16 if fast_bf16() else torch.float32},
        )
    except (OSError, ValueError) as error:
        raise EmbedderMissing(folder_or_name, str(error)) from error
    model.eval()
    if not _is_plain(model):
        return with_encoder(model, folder_or_name, None)
    transformer = model[0]
    assert isinstance(transformer, Transformer)
    plain = with_encoder(model, folder_or_name, TorchEncoder(transformer))
    return plain if cuda or fast_bf16() else _converted(plain, model, str(transformer.auto_model.name_or_path), threads)


def with_encoder(model: SentenceTransformer, name: str, encoder: HiddenStates | None) -> Embedder:
    """A sentence-transformers model whose transformer runs in `encoder` (None: the model runs as a whole)."""
    prompts: dict[str, str | None] = model.prompts
    reading = Reading(
        name=name,
        dimension=int(model.get_embedding_dimension() or 0),
        max_tokens=int(model.max_seq_length or 512),
        unknown=model.tokenizer.unk_token_id,
        query_prompt=prompts.get("query") or "",
        passage_prompt=prompts.get("document") or prompts.get("passage") or "",
    )
    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    return Embedder(reading, tokenizer, SentenceTransformersVectors(model, encoder))


def _is_plain(model: SentenceTransformer) -> bool:
    """Whether the model is a text transformer, pooling, and modules that need only the pooled vector."""
    modules = list(model)
    return len(modules) > 1 and type(modules[0]) is Transformer and type(modules[1]) is Pooling


def _converted(plain: Embedder, model: SentenceTransformer, weights: str, threads: int) -> Embedder:
    """The same model through CTranslate2; the plain one if that has no conversion or gives other vectors."""
    try:
        with tempfile.TemporaryDirectory(prefix="assistant-embedder-") as folder:
            convert(weights, Path(folder))
            faster = with_encoder(model, plain.name, CTranslate2Encoder(Path(folder), threads))
    except Unconvertible:
        return plain
    same = plain.encode_queries([_PROBE])[0] @ faster.encode_queries([_PROBE])[0]
    return faster if same >= _SAME else plain


def prepare(folder: Path, target: Path) -> bool:
    """Write a sentence-transformers folder as a prepared one into the folder `target`, which loads without torch.

    False, and nothing of use in `target`, where the model is of another make or its vectors would not be the same.
    """
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    model.eval()
    modules = list(model)
    if not _is_plain(model) or not all(isinstance(module, Normalize) for module in modules[2:]):
        return False
    transformer, pooling = modules[0], modules[1]
    assert isinstance(transformer, Transformer) and isinstance(pooling, Pooling)
    if pooling.pooling_mode != "mean":
        return False
    plain = with_encoder(model, str(folder), TorchEncoder(transformer))
    try:
        convert(str(transformer.auto_model.name_or_path), target / WEIGHTS)
    except Unconvertible:
        return False
    Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str()).save(str(target / TOKENIZER))
    reading = plain.reading
    about = Prepared(
        name=folder.name,
        dimension=reading.dimension,
        max_tokens=reading.max_tokens,
        unknown=-1 if reading.unknown is None else reading.unknown,
        query_prompt=reading.query_prompt,
        passage_prompt=reading.passage_prompt,
    )
    about.save(target)
    return bool(plain.encode_queries([_PROBE])[0] @ load_embedder(str(target)).encode_queries([_PROBE])[0] >= _SAME)


def _mask(ids: list[list[int]], hidden: torch.Tensor) -> torch.Tensor:
    """(rows, longest row) int64: 1 where a token stands, 0 behind the end of a row."""
    lengths = torch.tensor([len(row) for row in ids])
    return (torch.arange(hidden.shape[1])[None, :] < lengths[:, None]).to(hidden.device, torch.int64)
