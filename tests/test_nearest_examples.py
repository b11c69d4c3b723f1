"""The nearest training examples: found by their questions, embedded once, gone with their data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from retrieval.embed import Embedder
from tests.fakes import FakeEmbedder
from tests.tuning_data import examples
from training.dataset_version import open_version, remove_version, save_version
from training.nearest_examples import nearest_examples


class Counting(FakeEmbedder):
    """Remembers how many texts it was given at a time."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def encode(self, texts: Sequence[str], *, progress: object = None) -> np.ndarray:
        self.given.append(len(texts))
        return super().encode(texts, progress=progress)


def test_the_question_finds_its_own_kind_and_is_embedded_once(tmp_path: Path) -> None:
    version = save_version(tmp_path, examples(), {}, {}, [])
    counting = Counting()
    embedder = cast(Embedder, counting)
    for _ in range(2):
        found = nearest_examples(tmp_path / version.id, embedder, "Where is my parcel?", 3)
        assert [near.question for near in found[:2]] == ["Where is my parcel?"] * 2
        assert found[0].similarity > 0.999 > found[2].similarity and found[0].reply == "Your parcel is on its way."
        assert {near.example_id for near in found[:2]} == {"train-0", "train-8"}
    assert counting.given == [16, 1, 1]
    assert open_version(tmp_path / version.id) == version  # the kept vectors are no part of it
    counting.name = "another model"
    nearest_examples(tmp_path / version.id, embedder, "Where is my parcel?", 3)
    assert counting.given[3:] == [16, 1]
    remove_version(tmp_path, version.id)
    assert list(tmp_path.iterdir()) == []
