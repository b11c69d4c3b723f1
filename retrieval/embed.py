"""Texts to unit vectors with any sentence-transformers model, or one that was converted beforehand.

On a processor the transformer runs in torch where it multiplies bfloat16 fast, in CTranslate2 where a conversion gives
the same vectors, and in torch otherwise.
Knows nothing of passages or indexes; texts come in, rows come out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from retrieval.encoders import CTranslate2Encoder, HiddenStates, TorchEncoder, Unconvertible, convert
from retrieval.failures import EmbedderMissing
from retrieval.hardware import cores, fast_bf16
from retrieval.prepared import TOKENIZER, WEIGHTS, Prepared
from retrieval.remembered import FEW, Remembered

BATCH_TOKENS = 2048  # padding included; larger batches leave the caches, smaller ones waste calls
_SAME = 0.999  # cosine above which a converted encoder is taken to be the same model
_PROBE = "How do I return a parcel?"

Vectors = Callable[[list[list[int]], list[str]], np.ndarray]  # token numbers and the texts themselves to unit rows


@dataclass(frozen=True, slots=True)
class Reading:
    """How a model reads text."""

    name: str
    dimension: int
    max_tokens: int
    unknown: int | None  # token number of what the model cannot read
    query_prompt: str
    passage_prompt: str


class Embedder:
    """A loaded model. Safe to use from several threads."""

    def __init__(self, reading: Reading, tokenizer: Tokenizer, vectors: Vectors) -> None:
        self.name = reading.name
        self.dimension = reading.dimension
        self.max_tokens = reading.max_tokens
        self._reading = reading
        self._vectors = vectors
        self._counter = Tokenizer.from_str(tokenizer.to_str())
        self._counter.no_padding()
        self._counter.no_truncation()
        self._tokenizer = Tokenizer.from_str(self._counter.to_str())
        self._tokenizer.enable_truncation(self.max_tokens)
        self._remembered = Remembered(lambda texts: self._encoded(texts, None))

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """(n, dimension) float32 unit rows, one a passage in order; `progress` gets the number done so far."""
        return self._encode(texts, self._reading.passage_prompt, progress)

    def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
        """(n, dimension) float32 unit rows, one a question in order."""
        return self._encode(queries, self._reading.query_prompt, None)

    def tokens(self, text: str) -> int:
        """Number of the model's tokens in `text`, without the special ones."""
        return len(self._counter.encode(text, add_special_tokens=False).ids)

    def unknown_share(self, text: str) -> float:
        """Share 0..1 of the tokens of `text` that the model does not know, as of a script it never saw."""
        ids = self._counter.encode(text, add_special_tokens=False).ids
        return ids.count(self._reading.unknown) / len(ids) if ids and self._reading.unknown is not None else 0.0

    def _encode(self, texts: Sequence[str], prompt: str, progress: Callable[[int], None] | None) -> np.ndarray:
        prompted = [prompt + text for text in texts]
        if 0 < len(texts) <= FEW and progress is None:
            return self._remembered.encode(prompted)
        return self._encoded(prompted, progress)

    def _encoded(self, texts: Sequence[str], progress: Callable[[int], None] | None) -> np.ndarray:
        unique = list(dict.fromkeys(texts))
        number = {text: i for i, text in enumerate(unique)}
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(unique)]
        rows = np.empty((len(unique), self.dimension), dtype=np.float32)
        done = 0
        for batch in _batches([len(row) for row in ids]):
            rows[batch] = self._vectors([ids[i] for i in batch], [unique[i] for i in batch])
            done += len(batch)
            if progress is not None:
                progress(done * len(texts) // len(unique))
        return rows[[number[text] for text in texts]]


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
        hidden = self.encoder(ids)
        features = {"token_embeddings": hidden.float(), "attention_mask": _mask(ids, hidden)}
        for module in list(self._model)[1:]:
            features = module(features)
        vectors = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=1)
        return np.asarray(vectors.cpu().numpy(), dtype=np.float32)


class MeanVectors:
    """The mean of an encoder's last layer, less the model's centre, at unit length."""

    def __init__(self, encoder: HiddenStates, centre: Sequence[float]) -> None:
        self._encoder = encoder
        self._centre = torch.tensor(centre if len(centre) else [0.0])

    @torch.inference_mode()
    def __call__(self, ids: list[list[int]], texts: list[str]) -> np.ndarray:
        """(n, dimension) float32 unit rows."""
        hidden = self._encoder(ids).float()
        mask = _mask(ids, hidden)[:, :, None]
        mean = torch.where(mask > 0, hidden, 0.0).sum(1) / mask.sum(1)
        vectors = torch.nn.functional.normalize(mean, dim=1) - self._centre
        return np.asarray(torch.nn.functional.normalize(vectors, dim=1).numpy(), dtype=np.float32)


def load_embedder(folder_or_name: str, threads: int = 0) -> Embedder:
    """Load a prepared or sentence-transformers folder, or a hub id; `threads` 0: all cores. Raises EmbedderMissing."""
    threads = threads or cores()
    torch.set_num_threads(threads)
    folder = Path(folder_or_name)
    prepared = Prepared.of(folder)
    return _sentence_transformers(folder_or_name, threads) if prepared is None else _open(folder, prepared, threads)


def _open(folder: Path, prepared: Prepared, threads: int) -> Embedder:
    """A model that was converted beforehand."""
    reading = Reading(
        name=prepared.name,
        dimension=prepared.dimension,
        max_tokens=prepared.max_tokens,
        unknown=prepared.unknown,
        query_prompt=prepared.query_prompt,
        passage_prompt=prepared.passage_prompt,
    )
    encoder = CTranslate2Encoder(folder / WEIGHTS, threads)
    return Embedder(reading, Tokenizer.from_file(str(folder / TOKENIZER)), MeanVectors(encoder, prepared.centre))


def _sentence_transformers(folder_or_name: str, threads: int) -> Embedder:
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


def _mask(ids: list[list[int]], hidden: torch.Tensor) -> torch.Tensor:
    """(rows, longest row) int64: 1 where a token stands, 0 behind the end of a row."""
    lengths = torch.tensor([len(row) for row in ids])
    return (torch.arange(hidden.shape[1])[None, :] < lengths[:, None]).to(hidden.device, torch.int64)


def _batches(lengths: Sequence[int]) -> Iterator[np.ndarray]:
    """Numbers of texts, longest first, in batches of like lengths within BATCH_TOKENS."""
    order = np.argsort([-length for length in lengths], kind="stable")
    starts = [0]
    for at, number in enumerate(order):
        if (at + 1 - starts[-1]) * lengths[order[starts[-1]]] > BATCH_TOKENS and at > starts[-1]:
            starts.append(at)
        assert lengths[number] <= lengths[order[starts[-1]]]
    return (order[start:end] for start, end in pairwise([*starts, len(order)]) if end > start)
