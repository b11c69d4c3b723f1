"""Two embedders as one, by the script of each text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from assistant.learned_models import fingerprint
from retrieval.by_script import ByScript
from retrieval.embed import Embedder


class Always:
    """An embedder with the same vector for every text, which counts what it read."""

    dimension = 2

    def __init__(self, name: str, vector: Sequence[float]) -> None:
        self.name = name
        self.vector = np.array(vector, np.float32)
        self.read: list[str] = []

    def encode_queries(self, queries: Sequence[str]) -> np.ndarray:
        self.read += queries
        return np.tile(self.vector, (len(queries), 1))


def two(second: Always | None) -> tuple[ByScript, Always, list[str]]:
    """Both as one, the first, and when the second was loaded."""
    plain, loads = Always("plain", (1, 0)), []

    def load() -> Embedder | None:
        loads.append("loaded")
        return cast(Embedder, second)

    return ByScript(cast(Embedder, plain), load, "all-languages"), plain, loads


def test_each_text_is_read_by_the_embedder_of_its_script_in_order() -> None:
    second = Always("second", (0, 1))
    reader, plain, loads = two(second)
    rows = reader.encode_queries(["where is it", "包裹在哪里", "hello", "где посылка"])
    assert rows.tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert (plain.read, second.read) == (["where is it", "hello"], ["包裹在哪里", "где посылка"])
    reader.encode_queries(["退货"])
    assert loads == ["loaded"]


def test_the_second_is_not_loaded_for_latin_text() -> None:
    reader, _, loads = two(Always("second", (0, 1)))
    reader.encode_queries(["where is it"])
    assert loads == []


def test_without_its_files_what_only_the_second_reads_has_zeros() -> None:
    reader, plain, loads = two(None)
    assert reader.encode_queries(["退货", "return", "退款"]).tolist() == [[0, 0], [1, 0], [0, 0]]
    assert (plain.read, loads) == (["return"], ["loaded"])


def test_without_a_second_the_first_reads_everything_and_is_known_as_itself() -> None:
    plain = Always("plain", (1, 0))
    alone = ByScript(cast(Embedder, plain), None)
    assert alone.encode_queries(["退货"]).tolist() == [[1, 0]]
    assert (alone.name, fingerprint(alone)) == ("plain", fingerprint(plain))


def test_a_fingerprint_names_the_second() -> None:
    reader, plain, loads = two(None)
    assert fingerprint(reader) == f"{fingerprint(plain)}+all-languages"
    assert loads == []
