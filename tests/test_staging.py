"""Vectors by the hash of their text: looked up, appended, and recovered after a kill."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from retrieval.staging import StagedVectors, find_rows, same_model, text_keys
from retrieval.version import EmbedderId

MODEL = EmbedderId("m", 4, (1.0, 0.0, 0.0, 0.0))
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_rows_are_found_by_text() -> None:
    keys = text_keys(["a", "b", "c", "b"])
    assert find_rows(keys, text_keys(["c", "x", "a"])).tolist() == [2, -1, 0]
    assert find_rows(keys, text_keys(["b"]))[0] in (1, 3)
    assert find_rows(keys[:0], text_keys(["a"])).tolist() == [-1]
    assert find_rows(keys, keys[:0]).tolist() == []


def test_texts_that_share_half_their_key_are_not_mixed_up() -> None:
    keys = text_keys(["a", "b"])
    alike = keys.copy()
    alike[:, 1] += 1
    assert find_rows(keys, alike).tolist() == [-1, -1]


def test_appended_vectors_are_there_when_opened_again(tmp_path: Path) -> None:
    StagedVectors(tmp_path / "s", MODEL).append(["a", "b", "c"], ROWS)
    again = StagedVectors(tmp_path / "s", MODEL)
    assert find_rows(again.keys, text_keys(["b"])).tolist() == [1]
    assert np.array_equal(again.read(np.arange(len(again.keys))), ROWS)


def test_a_row_half_written_is_cut_off(tmp_path: Path) -> None:
    StagedVectors(tmp_path / "s", MODEL).append(["a", "b", "c"], ROWS)
    for name, size in (("vectors.f32", 3 * 16), ("keys.u64", 2 * 16 + 5)):
        path = tmp_path / "s" / name
        path.write_bytes(path.read_bytes()[:size])
    again = StagedVectors(tmp_path / "s", MODEL)
    assert len(again.keys) == len(again.read(np.array([0, 1]))) == 2
    again.append(["c"], ROWS[2:])
    assert np.array_equal(again.read(np.arange(len(again.keys))), ROWS)


def test_vectors_of_another_model_are_dropped(tmp_path: Path) -> None:
    StagedVectors(tmp_path / "s", MODEL).append(["a"], ROWS[:1])
    other = dataclasses.replace(MODEL, probe=(0.0, 1.0, 0.0, 0.0))
    assert len(StagedVectors(tmp_path / "s", other).keys) == 0


def test_models_are_told_apart_by_what_they_do_not_by_name() -> None:
    assert same_model(MODEL, dataclasses.replace(MODEL, name="moved", probe=(0.99999, 0.001, 0.0, 0.0)))
    assert not same_model(MODEL, dataclasses.replace(MODEL, probe=(0.9, 0.43, 0.0, 0.0)))
    assert not same_model(MODEL, EmbedderId("m", 2, (1.0, 0.0)))
