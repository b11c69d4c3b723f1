"""What a customer wants, out of the intents a team gave examples of, or that it is none of them.

Two linear heads, on the embedding and on n-grams, name the best intent, where there were enough examples together with
tuned copies of the embedders; an acceptor weighs how sure they are and how near the closest examples lie. Knows how to
apply and store the numbers; fitting them is `training/intent_fit.py` and `training/intent_tuning.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from assistant.conversation import Intent
from assistant.errors import Unavailable
from assistant.intent_scope import Acceptor, Judged, acceptor_from
from assistant.ngrams import counted, known_share
from assistant.text_heads import TextHeads, heads_from
from assistant.tuned_reader import TunedReader, open_reader
from retrieval.scripts import is_foreign

Script = Literal["latin", "other"]
SURE = 0.95  # chance from which on the heads' word is enough: a copy takes several times as long
SCRIPTS: tuple[Script, ...] = get_args(Script)


@dataclass(frozen=True, slots=True)
class IntentHeads:
    """The linear heads and the examples they were fitted on; `d` dimensions, `n` examples."""

    linear: TextHeads
    examples: np.ndarray  # (n, d) unit rows
    owner: np.ndarray  # (n,) number of each example's intent
    outside: np.ndarray  # (m, d) unit rows of examples that are out of scope; m may be 0

    def judge(self, vectors: np.ndarray, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(n,) best intents and (n, k) signals of how sure that is."""
        return self.weigh(self.linear.log_chances(vectors, texts), vectors, texts)

    def weigh(
        self, log_chances: np.ndarray, vectors: np.ndarray, texts: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """`judge` by these (n, c) logarithms of chances."""
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
class IntentReaders:
    """Tuned copies by the script of the texts that they are asked about.

    `acceptor` is None where they have no say in whether a message is one of the intents.
    """

    copies: Mapping[Script, TunedReader]
    acceptor: Acceptor | None

    def refine(self, log_chances: np.ndarray, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(n, c) chances as the copies see them after the heads, and (n,) which texts any of them could have read."""
        found, theirs = log_chances.copy(), np.zeros(len(texts), dtype=bool)
        for script, copy in self.copies.items():
            own = np.array([script_of(text) == script for text in texts], dtype=bool)
            rows = np.flatnonzero(own & unsure(log_chances))
            if len(rows):
                found[rows] = copy.log_chances([texts[row] for row in rows.tolist()], found[rows])
            theirs |= own
        return found, theirs


def unsure(log_chances: np.ndarray) -> np.ndarray:
    """(n,) whether a second opinion is asked for, after the heads' (n, c) logarithms of chances."""
    return np.asarray(log_chances.max(axis=1) < np.log(SURE))


def script_of(text: str) -> Script:
    """Which copy a text is for."""
    return "other" if is_foreign(text) else "latin"


@dataclass(frozen=True, slots=True)
class IntentModel:
    """Heads and their acceptor, and `readers` where there were enough examples."""

    names: tuple[str, ...]
    heads: IntentHeads
    acceptor: Acceptor
    readers: IntentReaders | None = None

    def classify(self, vectors: np.ndarray, texts: Sequence[str]) -> list[Intent | None]:
        """The intent of each text with its unit vector, or None where it is out of scope; each by itself."""
        if not texts:
            return []
        judged = self.judge(vectors, texts)
        return self.named(judged, judged.taken)

    def named(self, judged: Judged, taken: np.ndarray) -> list[Intent | None]:
        """The intents of messages, None where (n,) `taken` is not true."""
        return [
            Intent(self.names[number], round(float(chance), 4)) if accepted else None
            for number, chance, accepted in zip(judged.best, judged.right, taken, strict=True)
        ]

    def judge(self, vectors: np.ndarray, texts: Sequence[str]) -> Judged:
        """The best intent of each text with its unit vector, and how sure that is."""
        log_chances = self.heads.linear.log_chances(vectors, texts)
        refined, theirs = log_chances, np.zeros(len(texts), dtype=bool)
        if self.readers is not None:
            refined, theirs = self.readers.refine(log_chances, texts)
        acceptor = self.readers.acceptor if self.readers else None
        best, signals = self.heads.weigh(refined if acceptor else log_chances, vectors, texts)
        judged = self.acceptor.judge(best, signals)
        if acceptor is None:
            return replace(judged, best=refined.argmax(axis=1))
        return judged.where(theirs, acceptor.judge(best, signals))

    def save(self, file: Path, embedder: str) -> None:
        """Write one safetensors file."""
        tensors = self.heads.linear.tensors("linear") | {
            "examples": self.heads.examples.astype(np.float16),
            "owner": self.heads.owner,
            "outside": self.heads.outside,
            **self.acceptor.tensors("acceptor"),
        }
        about: dict[str, Any] = {"names": list(self.names), "acceptor": self.acceptor.about(), "embedder": embedder}
        if self.readers is not None:
            for script, copy in self.readers.copies.items():
                tensors |= copy.tensors(f"reader.{script}")
            about["readers"] = {script: copy.about() for script, copy in self.readers.copies.items()}
            if self.readers.acceptor is not None:
                tensors |= self.readers.acceptor.tensors("readers.acceptor")
                about["readers_acceptor"] = self.readers.acceptor.about()
        save_file(tensors, file, metadata={"about": json.dumps(about, ensure_ascii=False)})


def load_intents(file: Path) -> IntentModel:
    """Read what `save` wrote; the caller has verified its hash. Raises Unavailable for a copy that was changed."""
    with safe_open(file, framework="numpy") as tensors:
        about = json.loads(tensors.metadata()["about"])
        read = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 (not a mapping)
    if "acceptor" not in about:
        raise Unavailable(f"{str(file)!r} is of an earlier version; learn again: assistant intents import FILE")
    heads = IntentHeads(
        linear=heads_from(read, "linear"),
        examples=read["examples"].astype(np.float32),
        owner=read["owner"],
        outside=read["outside"],
    )
    acceptor = acceptor_from(about["acceptor"], read, "acceptor")
    return IntentModel(tuple(about["names"]), heads, acceptor, _readers(file, about, read))


def _readers(file: Path, about: dict[str, Any], read: dict[str, np.ndarray]) -> IntentReaders | None:
    if "readers" not in about:
        return None
    own = about.get("readers_acceptor")
    acceptor = None if own is None else acceptor_from(own, read, "readers.acceptor")
    found = [script for script in SCRIPTS if script in about["readers"]]
    copies = {script: open_reader(file, about["readers"][script], read, f"reader.{script}") for script in found}
    return IntentReaders(copies, acceptor)
