"""The training examples of a data set that are nearest to a question, by the vectors of their own last questions.

The vectors are kept beside the data set, so that only the first look takes long, and go with it. Knows nothing of
adapters.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.embed import Embedder
from training.dataset_version import examples_of
from training.examples import Example


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An example as it was learnt, masked; `similarity` is the cosine of the questions."""

    similarity: float
    example_id: str
    conversation_id: str
    question: str
    reply: str


def nearest_examples(dataset: Path, embedder: Embedder, question: str, most: int) -> tuple[Neighbour, ...]:
    """At most `most` examples of the data set folder that the model trained on, nearest first."""
    examples = list(examples_of(dataset, "train"))
    if not examples:
        return ()
    vectors = _vectors(dataset, embedder, [example.messages[-1].content for example in examples])
    similar = vectors @ embedder.encode([question])[0]
    return tuple(_neighbour(examples[i], similar[i]) for i in np.argsort(-similar, kind="stable")[:most])


def _neighbour(example: Example, similarity: float) -> Neighbour:
    said = example.messages[-1].content
    return Neighbour(round(float(similarity), 4), example.id, example.conversation_id, said, example.reply)


def _vectors(dataset: Path, embedder: Embedder, questions: Sequence[str]) -> np.ndarray:
    """Unit vectors (n, d) float32, read where they were kept for these questions and this embedder."""
    made_of = "\n".join([embedder.name, *questions])
    path = dataset / f"questions-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.npy"
    if path.exists():
        kept = np.load(path, allow_pickle=False)
        if kept.shape == (len(questions), embedder.dimension):
            return np.asarray(kept, np.float32)
    vectors = embedder.encode(questions)
    descriptor, draft = tempfile.mkstemp(prefix=".questions-", dir=dataset)
    with os.fdopen(descriptor, "wb") as file:
        np.save(file, vectors, allow_pickle=False)
    os.replace(draft, path)
    return vectors
