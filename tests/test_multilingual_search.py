"""A second embedder beside the first: when it is used, what it finds, and how an index gains or loses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from retrieval.embed import Embedder
from retrieval.failures import IndexOutdated
from retrieval.index import open_index
from retrieval.ingest import Second, ingest
from retrieval.search import Retriever
from tests.indexing import HashEmbedder, write_files


def faq(*questions: str) -> str:
    return "\n".join(json.dumps({"id": q, "question": q, "answer": f"{q}。"}, ensure_ascii=False) for q in questions)


def second(embedder: HashEmbedder, always: bool = False) -> Second:
    return Second(lambda: cast(Embedder, embedder), always)


def publish(tmp_path: Path, other: HashEmbedder | None, *questions: str) -> Path:
    folder = write_files(tmp_path / "docs", {"faq.jsonl": faq(*questions)})
    root = tmp_path / "index"
    ingest([folder], "kb", cast(Embedder, HashEmbedder()), root, second=second(other) if other else None)
    return root


def other() -> HashEmbedder:
    return HashEmbedder("other", "other")


def test_a_foreign_question_is_asked_of_the_second_embedder(tmp_path: Path) -> None:
    root = publish(tmp_path, other(), "退货", "shipping")
    first, read = HashEmbedder(), other()
    search = Retriever(cast(Embedder, first), root, lambda: cast(Embedder, read))
    assert search.index.version
    first.encoded.clear()
    assert search.search("退货").hits[0].passage.document_id == "退货"
    assert read.encoded == ["退货"] and first.encoded == []


def test_a_base_in_one_script_asks_its_own_questions_of_the_first_embedder_alone(tmp_path: Path) -> None:
    root = publish(tmp_path, other(), "refund", "shipping")
    search = Retriever(cast(Embedder, HashEmbedder()), root, lambda: pytest.fail("loaded for nothing"))
    assert search.search("shipping").hits[0].passage.document_id == "shipping"


def test_questions_of_both_kinds_keep_their_order(tmp_path: Path) -> None:
    root = publish(tmp_path, other(), "退货", "shipping", "发票")
    search = Retriever(cast(Embedder, HashEmbedder()), root, lambda: cast(Embedder, other()))
    queries = ["发票", "shipping", "退货"]
    assert [found.hits[0].passage.document_id for found in search.search_many(queries)] == queries


def test_an_index_gains_the_second_vectors_without_its_files_and_encodes_nothing_twice(tmp_path: Path) -> None:
    root = publish(tmp_path, None, "退货", "shipping")
    assert open_index(root).multilingual is None
    first, read = HashEmbedder(), other()
    ingest([], None, cast(Embedder, first), root, second=second(read))
    index = open_index(root)
    assert index.multilingual is not None and index.multilingual.foreign
    assert len(first.encoded) == 1  # the probe
    assert index.multilingual.vectors.shape == index.vectors.shape


def test_a_swapped_embedder_is_refused_in_words_and_rebuilt_from_the_passages(tmp_path: Path) -> None:
    root = publish(tmp_path, None, "refund", "shipping")
    swapped = cast(Embedder, HashEmbedder("new", "new"))
    with pytest.raises(IndexOutdated, match="assistant ingest"):
        Retriever(swapped, root).search("refund")
    ingest([], None, swapped, root)
    assert Retriever(swapped, root).search("refund").hits[0].passage.document_id == "refund"


def test_removed_documents_leave_the_second_vectors_too(tmp_path: Path) -> None:
    from retrieval.ingest import remove

    root = publish(tmp_path, other(), "退货", "shipping", "发票")
    remove(["shipping"], root)
    index = open_index(root)
    assert index.multilingual is not None
    assert len(index.multilingual.vectors) == len(index.vectors) == len(index.owner)
    search = Retriever(cast(Embedder, HashEmbedder()), root, lambda: cast(Embedder, other()))
    assert search.search("发票").hits[0].passage.document_id == "发票"


def test_an_older_format_is_rebuilt(tmp_path: Path) -> None:
    import hashlib

    root = publish(tmp_path, None, "refund")
    version = open_index(root).folder
    manifest = json.loads((version / "manifest.json").read_text("utf-8")) | {"format": 1}
    (version / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    digest = hashlib.sha256((version / "manifest.json").read_bytes()).hexdigest()
    (root / "CURRENT").write_text(json.dumps({"version": version.name, "manifest_sha256": digest}), encoding="utf-8")
    with pytest.raises(IndexOutdated, match="older format 1"):
        open_index(root)
    ingest([], None, cast(Embedder, HashEmbedder()), root)
    assert [p.document_id for p in open_index(root).passages] == ["refund"]
