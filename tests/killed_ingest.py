"""Ingests a folder with the tests' embedder; started as a process of its own so that it can be killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from retrieval import assemble
from retrieval.ingest import ingest
from tests.indexing import HashEmbedder


class SlowEmbedder(HashEmbedder):
    """Takes its time, and says on stdout how many texts it was asked for."""

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> np.ndarray:
        time.sleep(0.02)
        print(f"encoded {len(texts)}", flush=True)
        return super().encode(texts, progress=progress)


if __name__ == "__main__":
    assemble.BATCH = 50
    print("ready", flush=True)
    ingest([Path(sys.argv[1])], "kb", SlowEmbedder(), Path(sys.argv[2]))
    print("done", flush=True)
