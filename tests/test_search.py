from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import cast

import pytest

from retrieval.documents import SearchResult
from retrieval.embed import Embedder
from retrieval.failures import IndexMissing
from retrieval.ingest import ingest
from retrieval.search import Retriever
from tests.indexing import HashEmbedder, write_files


def publish(tmp_path: Path, *questions: str) -> Path:
    rows = [json.dumps({"id": q, "question": q, "answer": f"{q} is answered."}) for q in questions]
    folder = write_files(tmp_path / "docs", {"faq.jsonl": "\n".join(rows)})
    ingest([folder], "kb", HashEmbedder(), tmp_path / "index")
    return tmp_path / "index"


def retriever(root: Path) -> Retriever:
    return Retriever(cast(Embedder, HashEmbedder()), root)


def ids(result: SearchResult) -> list[str]:
    return [hit.passage.document_id for hit in result.hits]


def test_search_finds_a_question_asked_as_written(tmp_path: Path) -> None:
    search = retriever(publish(tmp_path, "refund", "shipping", "warranty"))
    result = search.search("shipping", 2)
    assert result.query == "shipping"
    assert ids(result)[0] == "shipping"
    assert 0 <= result.evidence <= 1


def test_many_questions_are_answered_as_one_by_one_with_one_encoding(tmp_path: Path) -> None:
    root = publish(tmp_path, "refund", "shipping", "warranty")
    embedder = HashEmbedder()
    search = Retriever(cast(Embedder, embedder), root)
    queries = ["warranty", "refund", "warranty"]
    assert search.index.version  # opening it compares embedders
    embedder.encoded.clear()
    results = search.search_many(queries, 3)
    assert embedder.encoded == ["warranty", "refund"]
    assert results == [search.search(query, 3) for query in queries]


def test_a_newly_published_version_answers_the_next_search(tmp_path: Path) -> None:
    root = publish(tmp_path, "refund")
    search = retriever(root)
    old = search.version
    assert "shipping" not in ids(search.search("shipping"))
    publish(tmp_path, "refund", "shipping")
    assert ids(search.search("shipping"))[0] == "shipping"
    assert search.version != old


def test_searching_before_the_first_ingest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match="ingest"):
        retriever(tmp_path / "none").search("refund")


def test_passages_are_found_by_id(tmp_path: Path) -> None:
    search = retriever(publish(tmp_path, "refund"))
    passage = search.passage("refund#0")
    assert passage is not None and passage.text == "refund is answered."
    assert search.passage("refund#7") is None
    assert search.passage("nothing") is None


def test_threads_search_through_publishes(tmp_path: Path) -> None:
    root = publish(tmp_path, "refund", "shipping")
    search = retriever(root)
    wrong: list[object] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                found = ids(search.search("refund"))
                if found[0] != "refund":
                    wrong.append(found)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(3):
        publish(tmp_path, "refund", "shipping", *(f"new {i}" for i in range(n + 1)))
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
