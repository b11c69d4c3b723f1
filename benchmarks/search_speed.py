"""How long a search takes beyond the encoding of the question, and in how much memory, in a large knowledge base.

    python -m benchmarks.search_speed [--passages 100000] [--queries 300] [--folder FOLDER]

The knowledge base is made up: passages of words as frequent as words are, a fifth of them FAQ entries with two vectors,
a tenth about one of 500 names; vectors in clusters, as those of real texts are. It is published and searched as any
other; only the embedder is replaced by one that looks vectors up. With a FOLDER it is built once and kept.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

import numpy as np

from retrieval.documents import Passage
from retrieval.embed import Embedder
from retrieval.publish import Content, changing, publish
from retrieval.search import Retriever
from retrieval.staging import identify, text_keys
from retrieval.version import CatalogueEntry, current_version
from retrieval.views import views

DIMENSION = 384
CLUSTERS = 2000
NEAR = 0.6  # how much of a vector is its own, the rest is its cluster's
VOCABULARY = 30_000
WORDS = (20, 60)  # of a passage
NAMES = 500
CHUNK = 8192


class Looked:
    """An embedder whose vectors follow from the text at once."""

    name, dimension = "made-up", DIMENSION

    def __init__(self) -> None:
        self._centres = np.random.default_rng(1).standard_normal((CLUSTERS, DIMENSION)).astype(np.float32)

    def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
        """(n, dimension) float32 unit rows: a cluster's centre and something of the text's own."""
        rows = np.empty((len(queries), DIMENSION), dtype=np.float32)
        for row, text in zip(rows, queries, strict=True):
            number = int(text_keys([text])[0][0])
            own = np.random.default_rng(number).standard_normal(DIMENSION, dtype=np.float32)
            row[:] = self._centres[number % CLUSTERS] + NEAR * own
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    encode = encode_queries

    def tokens(self, text: str) -> int:
        """As many as words."""
        return len(text.split())

    def unknown_share(self, _: str) -> float:
        """It reads everything."""
        return 0.0


def resident() -> int:
    """Bytes of memory that are this process's own, without mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


class Language:
    """Made-up words, the n-th of them as frequent as 1/n."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
        self._words = ["".join(random.Random(n).choices(syllables, k=3)) + str(n % 7) for n in range(VOCABULARY)]
        self._weights = list(accumulate(1 / (n + 1) for n in range(VOCABULARY)))

    def text(self, words: int) -> str:
        """A sentence of so many words."""
        return " ".join(self._chance.choices(self._words, cum_weights=self._weights, k=words))


def passages(count: int) -> Iterator[Passage]:
    """The knowledge base, passage by passage."""
    language, chance = Language(2), random.Random(3)
    for number in range(count):
        id, text = f"d{number}", language.text(chance.randint(*WORDS))
        question = language.text(8) if number % 5 == 0 else None
        entity = f"{language.text(2)} {number % NAMES}" if number % 10 == 0 and number < 10 * NAMES else None
        yield Passage(f"{id}#0", id, f"Title {number}", "made-up", text, question=question, entity=entity)


def build(root: Path, count: int, embedder: Looked) -> None:
    """Publish the knowledge base."""
    owner, keys = [], []
    for number, passage in enumerate(passages(count)):
        texts = views(passage)
        owner += [number] * len(texts)
        keys.append(text_keys(texts))

    def vectors() -> Iterator[np.ndarray]:
        texts: list[str] = []
        for passage in passages(count):
            texts += views(passage)
            if len(texts) >= CHUNK:
                yield embedder.encode(texts)
                texts = []
        if texts:
            yield embedder.encode(texts)

    content = Content(
        embedder=identify(cast(Embedder, embedder)),
        documents=[CatalogueEntry(f"d{n}", f"d{n}", f"Title {n}", "made-up", "", str(n), 1) for n in range(count)],
        files=(),
        passages=(json.dumps(passage.to_dict()).encode() + b"\n" for passage in passages(count)),
        vectors=vectors(),
        owner=np.array(owner, dtype=np.int32),
        keys=np.concatenate(keys),
    )
    with changing(root):
        publish(root, content)


class Timed(Looked):
    """The same with the time spent in it, so that it can be taken off."""

    def __init__(self) -> None:
        super().__init__()
        self.spent = 0.0

    def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
        """See Looked."""
        started = time.perf_counter()
        found = super().encode_queries(queries)
        self.spent += time.perf_counter() - started
        return found


def measure(root: Path, count: int, queries: int) -> dict[str, Any]:
    """Times in milliseconds, memory in megabytes."""
    embedder, language = Timed(), Language(4)
    started, before = time.perf_counter(), resident()
    retriever = Retriever(cast(Embedder, embedder), root)
    retriever.search(language.text(8))
    opened = time.perf_counter() - started
    times: list[float] = []
    processor: list[float] = []
    for _ in range(queries):
        text = language.text(random.Random(len(times)).randint(4, 14))
        embedder.spent, begun, busy = 0.0, time.perf_counter(), time.process_time()
        retriever.search(text)
        processor.append(time.process_time() - busy - embedder.spent)
        times.append(time.perf_counter() - begun - embedder.spent)
    vectors = len(retriever.index.owner)
    return {
        "passages": count,
        "vectors": vectors,
        "opened_and_first_search_seconds": round(opened, 1),
        "search_ms_p50": round(1000 * float(np.median(times)), 1),
        "search_ms_p95": round(1000 * float(np.quantile(times, 0.95)), 1),
        "search_processor_ms_p50": round(1000 * float(np.median(processor)), 1),
        "vectors_mb": round(vectors * DIMENSION * 4 / 2**20),
        "more_memory_mb": round((resident() - before) / 2**20),
    }


def main() -> None:
    """Print the result as JSON; exit 1 when a search takes 20 ms or more."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = given.folder or Path(folder)
        built: dict[str, Any] = {}
        if current_version(root) is None:
            started = time.perf_counter()
            build(root, given.passages, Looked())
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            built = {"publish_seconds": round(time.perf_counter() - started), "publish_peak_mb": round(peak / 1024)}
        found = built | measure(root, given.passages, given.queries)
    print(json.dumps(found, indent=2))
    sys.exit(found["search_ms_p50"] >= 20)


if __name__ == "__main__":
    main()
