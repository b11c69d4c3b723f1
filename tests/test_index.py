"""Opening a version: what it holds, how damage is noticed, and what can be rebuilt."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from retrieval import dense
from retrieval.failures import IndexCorrupt, IndexMissing
from retrieval.index import Index, open_index
from retrieval.ingest import ingest
from retrieval.version import current_version
from tests.indexing import HashEmbedder, write_files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An index of three documents with five passages and seven vectors."""
    folder = write_files(
        tmp_path / "docs",
        {
            "a.md": "# Returns\nThirty days.\n## Refunds\nFive days.\n## Costs\nNone.\n",
            "faq.csv": "id,question,answer\nq#1,How long?,A week.\nq2,How much?,Nothing.\n",
        },
    )
    ingest([folder], "kb", HashEmbedder(), tmp_path / "index")
    return tmp_path / "index"


def version_folder(root: Path) -> Path:
    return root / "versions" / str(current_version(root))


def test_an_index_holds_passages_vectors_owners_and_the_catalogue(root: Path) -> None:
    index = open_index(root)
    assert [p.id for p in index.passages] == ["a.md#0", "a.md#1", "a.md#2", "q#1#0", "q2#0"]
    assert index.vectors.shape == (len(index.owner), HashEmbedder.dimension)
    assert index.vectors.dtype == np.float32
    assert sorted(set(index.owner.tolist())) == list(range(5))
    assert [(d.id, d.first, d.passages) for d in index.documents.values()] == [
        ("a.md", 0, 3),
        ("q#1", 3, 1),
        ("q2", 4, 1),
    ]
    assert index.embedder_name == "hash"
    assert index.version == current_version(root)


def test_passages_are_found_by_number_from_the_end_and_by_slice(root: Path) -> None:
    passages = open_index(root).passages
    assert passages[-1].question == "How much?"
    assert [p.id for p in passages[1:3]] == ["a.md#1", "a.md#2"]
    with pytest.raises(IndexError, match="passage 5 of 5"):
        passages[5]


def test_faq_entries_are_told_from_passages_whatever_their_text_says(root: Path, tmp_path: Path) -> None:
    files = {
        "b.md": '# API\nThe body is {"question": null, "answer": "x"}.\n',
        "c.csv": 'id,question,answer\nq3,"""null""?",No.\n',
    }
    ingest([write_files(tmp_path / "more", files)], "more", HashEmbedder(), root)
    index = open_index(root)
    assert index.faq.tolist() == [passage.question is not None for passage in index.passages]
    assert sorted(index.faq.tolist()) == [False] * 4 + [True] * 3


def test_a_passage_id_gives_its_number_even_with_a_hash_mark_in_it(root: Path) -> None:
    index = open_index(root)
    assert [index.number(p.id) for p in index.passages] == [0, 1, 2, 3, 4]
    for wrong in ("a.md#3", "a.md", "a.md#", "a.md#-1", "a.md#x", "a.md#²", "nothing#0", "", "#0"):
        assert index.number(wrong) is None


def test_dense_search_gives_vector_numbers_and_cosines(root: Path) -> None:
    index = open_index(root)
    numbers, scores = index.dense(np.asarray(index.vectors[2:3]), 3)
    assert numbers[0, 0] == 2
    assert scores[0, 0] == pytest.approx(1, abs=1e-5)


def test_an_empty_root_is_missing(tmp_path: Path) -> None:
    assert current_version(tmp_path) is None
    with pytest.raises(IndexMissing, match="ingest"):
        open_index(tmp_path)


@pytest.mark.parametrize(
    "name", ["passages.jsonl", "vectors.npy", "owner.npy", "keys.npy", "documents.jsonl", "files.jsonl"]
)
def test_one_changed_byte_or_a_missing_file_is_noticed(root: Path, name: str) -> None:
    path = version_folder(root) / name
    data = path.read_bytes()
    path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    with pytest.raises(IndexCorrupt, match=f"{name}.*ingest the documents again"):
        open_index(root)
    path.unlink()
    with pytest.raises(IndexCorrupt, match=name):
        open_index(root)


def test_a_changed_manifest_or_pointer_is_noticed(root: Path) -> None:
    manifest = version_folder(root) / "manifest.json"
    about = json.loads(manifest.read_text())
    about["files"]["passages.jsonl"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(about))
    with pytest.raises(IndexCorrupt, match="manifest"):
        open_index(root)
    manifest.unlink()
    with pytest.raises(IndexCorrupt, match="is missing"):
        open_index(root)
    (root / "CURRENT").write_text("{")
    with pytest.raises(IndexCorrupt, match="CURRENT"):
        open_index(root)


def test_a_damaged_keyword_index_is_rebuilt_from_the_passages(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = open_index(root).lexical.search("refunds five", 3)
    for path in (version_folder(root) / "lexical").iterdir():
        path.write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING):
        mended = open_index(root).lexical.search("refunds five", 3)
    assert mended[0].tolist() == whole[0].tolist()
    assert "rebuilt from the passages" in caplog.text


def test_damaged_cells_are_rebuilt_from_the_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dense, "EXACT_LIMIT", 30)
    rows = "".join(f'{{"text": "text {n}"}}\n' for n in range(60))
    root = tmp_path / "index"
    ingest([write_files(tmp_path / "many", {"a.jsonl": rows})], "kb", HashEmbedder(), root)
    cells = version_folder(root) / "cells.faiss"
    expected = search_all(open_index(root))
    cells.write_bytes(cells.read_bytes()[:-3] + b"xxx")
    with caplog.at_level(logging.WARNING):
        assert search_all(open_index(root)) == expected
    assert "rebuilt from the vectors" in caplog.text


def search_all(index: Index) -> list[int]:
    return index.dense(np.asarray(index.vectors), 1)[0][:, 0].tolist()
