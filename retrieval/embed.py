"""Texts to unit vectors with any sentence-transformers model.

The transformer runs in CTranslate2 on a processor where its conversion gives the same vectors, in torch otherwise.
Knows nothing of passages or indexes; texts come in, rows come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from retrieval.encoders import CTranslate2Encoder, HiddenStates, TorchEncoder, Unconvertible
from retrieval.failures import EmbedderMissing
from retrieval.hardware import cores, fast_bf16

BATCH_TOKENS = 2048  # padding included; larger batches leave the caches, smaller ones waste calls
_SAME = 0.999  # cosine above which a converted encoder is taken to be the same model
_PROBE = "How do I return a parcel?"


class Embedder:
    """A loaded model. Safe to use from several threads."""

    def __init__(self, model: SentenceTransformer, name: str, encoder: HiddenStates | None) -> None:
        self.name = name
        self.dimension = int(model.get_embedding_dimension() or 0)
        self.max_tokens = int(model.max_seq_length or 512)
        self._model = model
        self._encoder = encoder  # None: a model of another make, run as a whole
        self._counter = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
        self._counter.no_padding()
        self._counter.no_truncation()
        self._tokenizer = Tokenizer.from_str(self._counter.to_str())
        self._tokenizer.enable_truncation(self.max_tokens)
        self._unknown: int | None = model.tokenizer.unk_token_id

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> np.ndarray:
        """(n, dimension) float32 unit rows, one a passage in order; `progress` gets the number done so far."""
        return self._encode(texts, self._prompt("document", "passage"), progress)

    def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
        """(n, dimension) float32 unit rows, one a question in order."""
        return self._encode(queries, self._prompt("query"), None)

    def tokens(self, text: str) -> int:
        """Number of the model's tokens in `text`, without the special ones."""
        return len(self._counter.encode(text, add_special_tokens=False).ids)

    def unknown_share(self, text: str) -> float:
        """Share 0..1 of the tokens of `text` that the model does not know, as of a script it never saw."""
        ids = self._counter.encode(text, add_special_tokens=False).ids
        return ids.count(self._unknown) / len(ids) if ids and self._unknown is not None else 0.0

    def _encode(self, texts: Sequence[str], prompt: str, progress: Callable[[int], None] | None) -> np.ndarray:
        unique = list(dict.fromkeys(texts))
        number = {text: i for i, text in enumerate(unique)}
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch([prompt + text for text in unique])]
        rows = np.empty((len(unique), self.dimension), dtype=np.float32)
        done = 0
        for batch in _batches([len(row) for row in ids]):
            rows[batch] = self._vectors([ids[i] for i in batch], [prompt + unique[i] for i in batch])
            done += len(batch)
            if progress is not None:
                progress(done * len(texts) // len(unique))
        return rows[[number[text] for text in texts]]

    @torch.inference_mode()
    def _vectors(self, ids: list[list[int]], texts: list[str]) -> np.ndarray:
        if self._encoder is None:
            found = self._model.encode(texts, batch_size=len(texts), normalize_embeddings=True, show_progress_bar=False)
            return np.asarray(found, dtype=np.float32)
        lengths = torch.tensor([len(row) for row in ids])
        hidden = self._encoder(ids)
        mask = (torch.arange(hidden.shape[1])[None, :] < lengths[:, None]).to(hidden.device, torch.int64)
        features = {"token_embeddings": hidden.float(), "attention_mask": mask}
        for module in list(self._model)[1:]:
            features = module(features)
        vectors = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=1)
        return np.asarray(vectors.cpu().numpy(), dtype=np.float32)

    def _prompt(self, *names: str) -> str:
        prompts: dict[str, str | None] = self._model.prompts
        return next((prompt for name in names if (prompt := prompts.get(name))), "")


def load_embedder(folder_or_name: str, threads: int = 0) -> Embedder:
    """Load a sentence-transformers folder or hub id; `threads` 0 means all cores. Raises EmbedderMissing."""
    threads = threads or cores()
    torch.set_num_threads(threads)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    cuda = torch.cuda.is_available()
    try:
        model = SentenceTransformer(
            folder_or_name,
            device="cuda" if cuda else "cpu",
            model_kwargs={"dtype": torch.bfloat16 if cuda and fast_bf16() else torch.float32},
        )
    except (OSError, ValueError) as error:
        raise EmbedderMissing(folder_or_name, str(error)) from error
    model.eval()
    if not _is_plain(model):
        return Embedder(model, folder_or_name, None)
    transformer = model[0]
    assert isinstance(transformer, Transformer)
    plain = Embedder(model, folder_or_name, TorchEncoder(transformer))
    return plain if cuda else _converted(plain, model, str(transformer.auto_model.name_or_path), threads)


def _is_plain(model: SentenceTransformer) -> bool:
    """Whether the model is a text transformer, pooling, and modules that need only the pooled vector."""
    modules = list(model)
    return len(modules) > 1 and type(modules[0]) is Transformer and type(modules[1]) is Pooling


def _converted(plain: Embedder, model: SentenceTransformer, weights: str, threads: int) -> Embedder:
    """The same model through CTranslate2; the plain one if that has no conversion or gives other vectors."""
    try:
        faster = Embedder(model, plain.name, CTranslate2Encoder(weights, threads))
    except Unconvertible:
        return plain
    same = plain.encode_queries([_PROBE])[0] @ faster.encode_queries([_PROBE])[0]
    return faster if same >= _SAME else plain


def _batches(lengths: Sequence[int]) -> Iterator[np.ndarray]:
    """Numbers of texts, longest first, in batches of like lengths within BATCH_TOKENS."""
    order = np.argsort([-length for length in lengths], kind="stable")
    starts = [0]
    for at, number in enumerate(order):
        if (at + 1 - starts[-1]) * lengths[order[starts[-1]]] > BATCH_TOKENS and at > starts[-1]:
            starts.append(at)
        assert lengths[number] <= lengths[order[starts[-1]]]
    return (order[start:end] for start, end in pairwise([*starts, len(order)]) if end > start)
