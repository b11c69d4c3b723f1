"""Which of two embedders reads the texts of an ingest: the faster one only for many texts and the same vectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.index import open_index
from retrieval.ingest import ingest
from tests.indexing import HashEmbedder, write_files
from tests.test_ingest import FILES


def test_many_texts_are_embedded_by_the_faster_embedder_and_few_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs, root = write_files(tmp_path / "docs", FILES), tmp_path / "index"
    monkeypatch.setattr("retrieval.assemble.MANY", 6)
    plain, faster = HashEmbedder("plain"), HashEmbedder("faster")
    ingest([docs], None, plain, root, many=lambda: faster)
    assert {open_index(root).text(n) for n in range(5)} <= set(faster.encoded)
    assert len(set(plain.encoded)) == 1  # the probe
    one = write_files(root.parent / "one", {"one.md": "One."})
    ingest([one], None, plain, root, many=lambda: pytest.fail("loaded for one text"))
    assert any("One." in text for text in plain.encoded)


def test_a_faster_embedder_with_other_vectors_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs, root = write_files(tmp_path / "docs", FILES), tmp_path / "index"
    monkeypatch.setattr("retrieval.assemble.MANY", 1)
    plain, other = HashEmbedder(), HashEmbedder(seed="other")
    ingest([docs], None, plain, root, many=lambda: other)
    assert len(set(other.encoded)) == 1  # the probe
    assert len(set(plain.encoded)) == len(open_index(root).vectors) + 1
