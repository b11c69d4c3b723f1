"""Exact search while small, inverted lists beyond, and the rule between them."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from retrieval import dense
from retrieval.dense import DenseIndex, build_cells, centroids_of, load_cells, needs_cells, save_cells


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """(5000, 32) unit rows around 200 centres, as texts cluster by subject."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((200, 32))[rng.integers(0, 200, 5000)] + 0.4 * rng.standard_normal((5000, 32))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def file(vectors: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vectors in a file."""
    path = tmp_path_factory.mktemp("dense") / "vectors.npy"
    np.save(path, vectors)
    return path


def test_small_indexes_are_searched_exactly(vectors: np.ndarray) -> None:
    rows, scores = DenseIndex(vectors, None).search(vectors[:7], 5)
    assert rows[:, 0].tolist() == list(range(7))
    assert rows.tolist() == np.argsort(-(vectors[:7] @ vectors.T), axis=1)[:, :5].tolist()
    assert np.allclose(scores[:, 0], 1, atol=1e-5)


def test_equal_vectors_come_in_order_of_their_numbers() -> None:
    rows, scores = DenseIndex(np.ones((6, 1), np.float32), None).search(np.ones((1, 1), np.float32), 9)
    assert rows.tolist() == [list(range(6))] and scores.tolist() == [[1.0] * 6]


def test_cells_find_nearly_all_of_the_true_neighbours(vectors: np.ndarray, file: Path) -> None:
    found, _ = DenseIndex(vectors, build_cells(file)).search(vectors[:200], 10)
    true, _ = DenseIndex(vectors, None).search(vectors[:200], 10)
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, true, strict=True)]) > 0.97


def test_cells_follow_the_rule_and_are_kept_while_they_fit(vectors: np.ndarray, file: Path, tmp_path: Path) -> None:
    centroids = centroids_of(build_cells(file))
    assert len(centroids) == int(4 * np.sqrt(len(vectors)))
    for count, kept in ((4000, True), (500, False)):
        np.save(tmp_path / "fewer.npy", vectors[:count])
        cells = build_cells(tmp_path / "fewer.npy", centroids)
        assert cells.ntotal == count
        assert np.array_equal(centroids_of(cells), centroids) == kept
    assert cells.nlist == int(4 * np.sqrt(500))


def test_saved_cells_give_the_same_answers(vectors: np.ndarray, file: Path, tmp_path: Path) -> None:
    cells = build_cells(file)
    save_cells(cells, tmp_path / "c")
    again = DenseIndex(vectors, load_cells(tmp_path / "c")).search(vectors[:5], 5)
    assert [a.tolist() for a in again] == [a.tolist() for a in DenseIndex(vectors, cells).search(vectors[:5], 5)]


def test_a_faiss_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    faiss.write_index(faiss.IndexFlatIP(4), str(tmp_path / "flat"))
    with pytest.raises(TypeError, match="IndexFlat"):
        load_cells(tmp_path / "flat")


def test_nothing_to_find_is_an_empty_answer(vectors: np.ndarray) -> None:
    assert [part.shape for part in DenseIndex(vectors[:0], None).search(vectors[:2], 5)] == [(2, 0), (2, 0)]
    assert [part.shape for part in DenseIndex(vectors, None).search(vectors[:0], 5)] == [(0, 5), (0, 5)]
    assert DenseIndex(vectors[:3], None).search(vectors[:2], 5)[0].shape == (2, 3)


def test_the_limit_is_where_the_docstring_says() -> None:
    assert "32,768" in (dense.__doc__ or "")
    assert not needs_cells(32_768)
    assert needs_cells(32_769)
