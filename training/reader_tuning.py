"""Tune a copy of an embedder's transformer until texts of one class lie together: more than a linear head can learn.

Transformer and one prototype a class learn together under the cosine softmax (Wang et al. 2017, NormFace), classes
with few examples also by drawing texts of one class to each other (Khosla et al. 2020). Knows texts and class numbers;
nothing of what they mean.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from transformers import AutoModel
from transformers.utils import logging as transformers_logging

from assistant.packed_e5 import as_transformer
from assistant.prepared_embedder import prepared_embedder
from assistant.settings import Settings
from assistant.weights import ensure_models, ensure_multilingual, multilingual_file
from retrieval.embed import Reading, load_embedder
from retrieval.hardware import bf16_in_processor
from retrieval.prepared import TOKENIZER, WEIGHTS, Prepared
from retrieval.sentence_models import convert

Progress = Callable[[str, int, int | None], None]

SCALE = 20.0  # of cosines, as embedders are trained with
LEARNING_RATE, PROTOTYPE_RATE = 1e-4, 5e-3
DROPOUT = 0.1
NUMBERS = "int8"  # of a finished copy: a message takes it less than half as long as with float32
LONGEST = 96  # tokens of a text that are read
BATCHES_ALIKE = 16  # batches among which texts of like length are put together
SEED = 20


@dataclass(frozen=True, slots=True)
class Source:
    """A transformer to start from, as transformers saves it, and how it reads."""

    folder: Path
    reading: Reading
    tokenizer: Tokenizer


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to tune. `together`: weight of drawing texts of one class to each other."""

    epochs: int
    batch: int
    together: float


class Tuning:
    """A model under way: call `run`, then ask it or write it."""

    def __init__(self, source: Source, texts: Sequence[str], labels: np.ndarray) -> None:
        """`labels`: class numbers 0..c-1 without gaps."""
        torch.manual_seed(SEED)
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        rates = {"hidden_dropout_prob": DROPOUT, "attention_probs_dropout_prob": DROPOUT}
        self._model = AutoModel.from_pretrained(source.folder, dtype=torch.float32, **rates)
        for name, weights in self._model.named_parameters():
            weights.requires_grad_("embeddings" not in name)  # most of the weights, and the least to gain
        self._source = source
        self._tokenizer = Tokenizer.from_str(source.tokenizer.to_str())
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.no_padding()
        self._ids = self._read(texts)
        self._labels = torch.from_numpy(labels.astype(np.int64))
        vectors = self._vectors(self._ids)
        centres = [vectors[labels == label].mean(axis=0) for label in range(int(labels.max()) + 1)]
        self._prototypes = torch.nn.Parameter(torch.from_numpy(np.stack(centres)))

    def run(self, plan: Plan, progress: Progress) -> None:
        """Train for the plan's epochs."""
        steps = plan.epochs * -(-len(self._ids) // plan.batch)
        trained = [weights for weights in self._model.parameters() if weights.requires_grad]
        rates = [LEARNING_RATE, PROTOTYPE_RATE]
        groups = [{"params": trained}, {"params": [self._prototypes]}]
        optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, rates, total_steps=steps, pct_start=0.1, cycle_momentum=False
        )
        share = (
            torch.bincount(self._labels).float().rsqrt()
        )  # rare classes count more, but not as much as all of a common one
        self._model.train()
        for step, batch in enumerate(self._batches(plan)):
            progress("Tuning to the examples", step, steps)
            loss = self._loss(batch, share / share.mean(), plan.together)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
        self._model.eval()

    @property
    def prototypes(self) -> np.ndarray:
        """(d, c) unit columns times the scale."""
        return np.ascontiguousarray(SCALE * normalize(self._prototypes.detach(), dim=1).numpy().T)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(n, d) unit rows by the model as it is now."""
        return self._vectors(self._read(texts))

    def write(self, folder: Path) -> None:
        """Write the model as a prepared embedder folder, with a temporary folder beside it."""
        plain = folder.with_name(folder.name + ".plain")
        self._model.save_pretrained(plain)
        convert(str(plain), folder / WEIGHTS, NUMBERS)
        shutil.rmtree(plain)
        self._source.tokenizer.save(str(folder / TOKENIZER))
        reading = self._source.reading
        Prepared(
            name=f"{reading.name}, tuned",
            dimension=reading.dimension,
            max_tokens=LONGEST,
            unknown=-1 if reading.unknown is None else reading.unknown,
            query_prompt=reading.query_prompt,
            passage_prompt=reading.passage_prompt,
            numbers=NUMBERS,
        ).save(folder)

    def _read(self, texts: Sequence[str]) -> list[list[int]]:
        prompt = self._source.reading.query_prompt
        return [encoding.ids for encoding in self._tokenizer.encode_batch([prompt + text for text in texts])]

    def _batches(self, plan: Plan) -> Iterator[np.ndarray]:
        """Numbers of texts. Few texts a class: classes side by side, else there is nothing to draw together."""
        random = np.random.default_rng(SEED)
        lengths = np.array([len(row) for row in self._ids])
        labels = self._labels.numpy()
        for _ in range(plan.epochs):
            order = random.permutation(len(self._ids))
            if plan.together:
                place = random.random(int(labels.max()) + 1)[labels] + 0.15 * random.random(len(labels))
                order = np.argsort(place)
            else:
                span = plan.batch * BATCHES_ALIKE
                spans = [order[at : at + span] for at in range(0, len(order), span)]
                order = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in spans])
            batches = [order[at : at + plan.batch] for at in range(0, len(order), plan.batch)]
            yield from (batches[number] for number in random.permutation(len(batches)))

    def _loss(self, batch: np.ndarray, share: Tensor, together: float) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16_in_processor()):
            vectors = self._forward([self._ids[i] for i in batch])
        labels = self._labels[torch.from_numpy(batch)]
        logits = SCALE * vectors.float() @ normalize(self._prototypes, dim=1).T
        loss = cross_entropy(logits, labels, weight=share)
        return loss + together * _apart(vectors.float(), labels) if together else loss

    def _forward(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """(n, d) unit rows: the mean of the last layer."""
        longest = max(map(len, ids))
        tokens = torch.tensor([[*row, *[0] * (longest - len(row))] for row in ids])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
        hidden = self._model(input_ids=tokens, attention_mask=mask).last_hidden_state
        there = mask[:, :, None].to(hidden.dtype)
        return normalize((hidden * there).sum(1) / there.sum(1), dim=1)

    @torch.inference_mode()
    def _vectors(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        self._model.eval()
        order = np.argsort([len(row) for row in ids], kind="stable")
        rows = [self._forward([ids[i] for i in order[at : at + 64]]) for at in range(0, len(ids), 64)]
        return np.asarray(torch.cat(rows).float().numpy()[np.argsort(order, kind="stable")])


def _apart(vectors: Tensor, labels: Tensor) -> Tensor:
    """How far texts of one class lie from each other, seen beside all others of the batch; 0 without a pair."""
    itself = torch.eye(len(labels), dtype=torch.bool)
    likeness = (SCALE * vectors @ vectors.T).masked_fill(itself, -1e9)
    chances = likeness - likeness.logsumexp(1, keepdim=True)
    alike = (labels[:, None] == labels[None, :]) & ~itself
    paired = alike.any(1)
    if not paired.any():
        return vectors.sum() * 0
    return -(chances.masked_fill(~alike, 0).sum(1)[paired] / alike.sum(1)[paired]).mean()


def may_tune(settings: Settings, foreign: bool) -> bool:
    """Only the default embedders are tuned: another one may be of any make and size."""
    return not settings.embedder and not (foreign and settings.multilingual == "never")


@contextmanager
def tuning_source(settings: Settings, foreign: bool) -> Iterator[Source]:
    """The default embedder, or the one for all languages, as something to start from. Raises Unavailable."""
    if not foreign:
        folder = ensure_models(settings).embedder
        embedder = load_embedder(str(prepared_embedder(settings, folder)), settings.threads)
        yield Source(folder, embedder.reading, Tokenizer.from_file(str(folder / TOKENIZER)))
        return
    embedder = load_embedder(str(ensure_multilingual(settings)), settings.threads)
    with tempfile.TemporaryDirectory(prefix="assistant-tuning-") as name:
        _, tokenizer = as_transformer(multilingual_file(settings), Path(name))
        yield Source(Path(name), embedder.reading, tokenizer)
