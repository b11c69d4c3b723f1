"""What a customer wants, out of the intents a team gave examples of, or that it is none of them.

Two linear heads, on the embedding and on n-grams, name the best intent; an acceptor weighs how sure they are and how
near the closest examples lie. Knows how to apply and store the numbers; fitting them is `training/intent_fit.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from assistant.conversation import Intent
from assistant.ngrams import counted, known_share, weighted

FORMAT = "1"


@dataclass(frozen=True, slots=True)
class IntentHeads:
    """The linear heads and the examples they were fitted on; `c` intents, `d` dimensions, `n` examples."""

    dense: np.ndarray  # (d, c)
    dense_bias: np.ndarray  # (c,)
    sparse: np.ndarray  # (COLUMNS, c) float16
    sparse_bias: np.ndarray  # (c,)
    idf: np.ndarray  # (COLUMNS,)
    examples: np.ndarray  # (n, d) unit rows
    owner: np.ndarray  # (n,) number of each example's intent
    outside: np.ndarray  # (m, d) unit rows of examples that are out of scope; m may be 0
    blend: np.ndarray  # (2,) weights of the two heads

    def logits(self, vectors: np.ndarray, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(n, c) of the dense head and of the n-gram head, unblended."""
        rows = weighted(counted(texts), self.idf)
        dense = vectors @ self.dense + self.dense_bias
        sparse = np.stack([_sparse_row(rows, i, self.sparse) for i in range(len(texts))]) + self.sparse_bias
        return dense, sparse

    def judge(self, vectors: np.ndarray, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(n,) best intents and (n, k) signals of how sure that is."""
        dense, sparse = self.logits(vectors, texts)
        logits = self.blend[0] * dense + self.blend[1] * sparse
        log_chances = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        best = log_chances.argmax(axis=1)
        ordered = np.sort(log_chances, axis=1)
        likeness = vectors @ self.examples.T
        own = np.where(self.owner[None, :] == best[:, None], likeness, -1.0).max(axis=1)
        outside = (vectors @ self.outside.T).max(axis=1) if len(self.outside) else np.zeros(len(texts))
        signals = [
            ordered[:, -1],
            np.exp(ordered[:, -1]),
            np.exp(ordered[:, -1]) - (np.exp(ordered[:, -2]) if logits.shape[1] > 1 else 0),
            likeness.max(axis=1),
            own,
            np.maximum(outside - own, -0.5) if len(self.outside) else outside,
            known_share(counted(texts), self.idf),
        ]
        return best, np.stack(signals, axis=1).astype(np.float32)


def _sparse_row(rows: object, number: int, weights: np.ndarray) -> np.ndarray:
    row = rows[number]  # type: ignore[index]
    return np.asarray(row.data @ weights[row.indices].astype(np.float32))


@dataclass(frozen=True, slots=True)
class IntentModel:
    """Heads and acceptor. `threshold`: the chance of being right below which a message counts as out of scope."""

    names: tuple[str, ...]
    heads: IntentHeads
    acceptor: np.ndarray  # (k + 1,) logistic weights of the signals, bias last
    threshold: float

    def classify(self, vectors: np.ndarray, texts: Sequence[str]) -> list[Intent | None]:
        """The intent of each text with its unit vector, or None where it is out of scope."""
        if not texts:
            return []
        best, signals = self.heads.judge(vectors, texts)
        chances = accepted(signals, self.acceptor)
        return [
            Intent(self.names[number], round(float(chance), 4)) if chance >= self.threshold else None
            for number, chance in zip(best, chances, strict=True)
        ]

    def save(self, file: Path, embedder: str) -> None:
        """Write one safetensors file."""
        tensors = {f.name: np.ascontiguousarray(getattr(self.heads, f.name)) for f in fields(IntentHeads)}
        tensors["examples"] = tensors["examples"].astype(np.float16)
        tensors["acceptor"] = self.acceptor
        about = {"names": list(self.names), "threshold": self.threshold, "embedder": embedder}
        save_file(tensors, file, metadata={"format": FORMAT, "about": json.dumps(about, ensure_ascii=False)})


def accepted(signals: np.ndarray, acceptor: np.ndarray) -> np.ndarray:
    """(n,) chance that the best intent is right."""
    return np.asarray(1 / (1 + np.exp(-(signals @ acceptor[:-1] + acceptor[-1]))))


def load_intents(file: Path) -> IntentModel:
    """Read what `save` wrote; the caller has verified the file's hash."""
    with safe_open(file, framework="numpy") as tensors:
        about = json.loads(tensors.metadata()["about"])
        read = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 (not a mapping)
    acceptor = read.pop("acceptor")
    read["examples"] = read["examples"].astype(np.float32)
    return IntentModel(tuple(about["names"]), IntentHeads(**read), acceptor, float(about["threshold"]))
