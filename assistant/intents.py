"""What a customer wants, out of the intents a team gave examples of, or that it is none of them.

Two linear heads, on the embedding and on n-grams, name the best intent, where there were enough examples together with
a tuned copy of the embedder; an acceptor weighs how sure the heads are and how near the closest examples lie. Knows how
to apply and store the numbers; fitting them is `training/intent_fit.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from assistant.conversation import Intent
from assistant.ngrams import counted, known_share
from assistant.text_heads import TextHeads, heads_from
from assistant.tuned_reader import TunedReader, open_reader
from retrieval.scripts import is_foreign


@dataclass(frozen=True, slots=True)
class IntentHeads:
    """The linear heads and the examples they were fitted on; `d` dimensions, `n` examples."""

    linear: TextHeads
    examples: np.ndarray  # (n, d) unit rows
    owner: np.ndarray  # (n,) number of each example's intent
    outside: np.ndarray  # (m, d) unit rows of examples that are out of scope; m may be 0

    def judge(self, vectors: np.ndarray, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(n,) best intents and (n, k) signals of how sure that is."""
        log_chances = self.linear.log_chances(vectors, texts)
        best = log_chances.argmax(axis=1)
        ordered = np.sort(log_chances, axis=1)
        likeness = vectors @ self.examples.T
        own = np.where(self.owner[None, :] == best[:, None], likeness, -1.0).max(axis=1)
        outside = (vectors @ self.outside.T).max(axis=1) if len(self.outside) else np.zeros(len(texts))
        signals = [
            ordered[:, -1],
            np.exp(ordered[:, -1]),
            np.exp(ordered[:, -1]) - (np.exp(ordered[:, -2]) if ordered.shape[1] > 1 else 0),
            likeness.max(axis=1),
            own,
            np.maximum(outside - own, -0.5) if len(self.outside) else outside,
            known_share(counted(texts), self.linear.idf),
        ]
        return best, np.stack(signals, axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class IntentModel:
    """Heads and acceptor. `threshold`: the chance of being right below which a message counts as out of scope.

    `reader` has a say in which intent it is, if in the Latin script, and none in whether it is one.
    """

    names: tuple[str, ...]
    heads: IntentHeads
    acceptor: np.ndarray  # (k + 1,) logistic weights of the signals, bias last
    threshold: float
    reader: TunedReader | None = None

    def classify(self, vectors: np.ndarray, texts: Sequence[str]) -> list[Intent | None]:
        """The intent of each text with its unit vector, or None where it is out of scope."""
        if not texts:
            return []
        best, signals = self.heads.judge(vectors, texts)
        chances = accepted(signals, self.acceptor)
        best = self._named(best, vectors, texts)
        return [
            Intent(self.names[number], round(float(chance), 4)) if chance >= self.threshold else None
            for number, chance in zip(best, chances, strict=True)
        ]

    def _named(self, best: np.ndarray, vectors: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """(n,) the intents that heads and reader together find likeliest."""
        rows = [number for number, text in enumerate(texts) if not is_foreign(text)]
        if self.reader is None or not rows:
            return best
        read = [texts[number] for number in rows]
        best = best.copy()
        best[rows] = self.reader.log_chances(read, self.heads.linear.log_chances(vectors[rows], read)).argmax(axis=1)
        return best

    def save(self, file: Path, embedder: str) -> None:
        """Write one safetensors file."""
        tensors = self.heads.linear.tensors("linear") | {
            "examples": self.heads.examples.astype(np.float16),
            "owner": self.heads.owner,
            "outside": self.heads.outside,
            "acceptor": self.acceptor,
        }
        about = {"names": list(self.names), "threshold": self.threshold, "embedder": embedder}
        if self.reader is not None:
            tensors |= self.reader.tensors("reader")
            about["reader"] = self.reader.about()
        save_file(tensors, file, metadata={"about": json.dumps(about, ensure_ascii=False)})


def accepted(signals: np.ndarray, acceptor: np.ndarray) -> np.ndarray:
    """(n,) chance that the best intent is right."""
    return np.asarray(1 / (1 + np.exp(-(signals @ acceptor[:-1] + acceptor[-1]))))


def load_intents(file: Path) -> IntentModel:
    """Read what `save` wrote; the caller has verified its hash. Raises Unavailable for a copy that was changed."""
    with safe_open(file, framework="numpy") as tensors:
        about = json.loads(tensors.metadata()["about"])
        read = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 (not a mapping)
    heads = IntentHeads(
        linear=heads_from(read, "linear"),
        examples=read["examples"].astype(np.float32),
        owner=read["owner"],
        outside=read["outside"],
    )
    reader = open_reader(file, about["reader"], read, "reader") if "reader" in about else None
    return IntentModel(tuple(about["names"]), heads, read["acceptor"], float(about["threshold"]), reader)
