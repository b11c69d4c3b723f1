"""A copy of an embedder, tuned to a team's labels, with one prototype a class: a second opinion beside the heads.

Knows texts and folders; nothing of what the classes mean. Copies are made by `training/reader_tuning.py`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_softmax

from assistant.errors import Unavailable
from assistant.file_hashes import sha256
from retrieval.embed import Embedder, load_embedder
from retrieval.prepared import ABOUT, TOKENIZER, WEIGHTS

PREFIX = "reader-"
SETTLED_SECONDS = 3600
MODEL = f"{WEIGHTS}/model.bin"
FILES = (ABOUT, TOKENIZER, MODEL)  # what is verified


@dataclass(frozen=True, slots=True)
class TunedReader:
    """The copy and what it learnt of `c` classes."""

    folder: Path  # named by the sha256 of the weights in it
    reader: Embedder
    prototypes: np.ndarray  # (d, c), unit columns times the scale they were learnt with
    weights: np.ndarray  # (2,) of the heads' opinion and of the reader's

    def log_chances(self, texts: Sequence[str], heads: np.ndarray) -> np.ndarray:
        """(n, c) natural logarithms of each class's chance, from those of the heads and the reader's own opinion."""
        return joint_chances(heads, self.opinion(texts), self.weights)

    def opinion(self, texts: Sequence[str]) -> np.ndarray:
        """(n, c) cosines to each class's prototype, times the scale."""
        return np.asarray(self.reader.encode_queries(texts) @ self.prototypes)

    def tensors(self, prefix: str) -> dict[str, np.ndarray]:
        """For a safetensors file."""
        return {f"{prefix}.prototypes": self.prototypes, f"{prefix}.weights": self.weights}

    def about(self) -> dict[str, Any]:
        """What `open_reader` needs to find and verify the copy."""
        return {"folder": self.folder.name, "sha256": {name: sha256(self.folder / name) for name in FILES}}


def joint_chances(heads: np.ndarray, opinion: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, c) natural logarithms of each class's chance, from those of the heads and a copy's scaled cosines."""
    return np.asarray(log_softmax(weights[0] * heads + weights[1] * log_softmax(opinion, axis=1), axis=1))


def open_reader(heads: Path, about: Mapping[str, Any], tensors: Mapping[str, np.ndarray], prefix: str) -> TunedReader:
    """The copy beside a file of heads. Raises Unavailable when it is missing or was changed."""
    folder = heads.parent / Path(str(about["folder"])).name
    if any(not (folder / name).is_file() or sha256(folder / name) != about["sha256"][name] for name in FILES):
        raise Unavailable(f"{str(folder)!r} is missing or was changed since it was learnt; learn it again")
    prototypes, weights = tensors[f"{prefix}.prototypes"], tensors[f"{prefix}.weights"]
    return TunedReader(folder, load_copy(folder), prototypes, weights)


def load_copy(folder: Path) -> Embedder:
    """Open a copy. One thread: a second one takes longer to wake than it saves on a message computed with bytes."""
    return load_embedder(str(folder), threads=1)


def keep_reader(made: Path, heads: Path) -> Path:
    """Move a finished copy to its place in the folder of the heads; a whole one that is there already stays."""
    target = heads / f"{PREFIX}{sha256(made / MODEL)[:16]}"
    if target.exists():
        shutil.rmtree(made)
    else:
        made.rename(target)
    return target


def remove_other_readers(heads: Path, kept: Collection[str]) -> None:
    """Delete the copies that no serving model uses, a hundred megabytes each, but none that may be about to serve."""
    for folder in heads.glob(f"{PREFIX}*"):
        if folder.name not in kept and time.time() - folder.stat().st_mtime > SETTLED_SECONDS:
            shutil.rmtree(folder)
