from __future__ import annotations

import logging
from pathlib import Path
from typing import cast

import pytest

from retrieval.failures import IndexMissing
from retrieval.search import Retriever
from tests.fakes import FakeRetriever
from ui.serving import warm_up


def test_a_started_server_searches_before_anybody_asks() -> None:
    retriever = FakeRetriever([], 0.0)
    warm_up(cast(Retriever, retriever))
    assert len(retriever.queries) == 1


def test_without_an_index_the_server_stays_up_and_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Empty(FakeRetriever):
        def search(self, *args: object, **options: object) -> object:  # type: ignore[override]
            raise IndexMissing(tmp_path)

    with caplog.at_level(logging.WARNING):
        warm_up(cast(Retriever, Empty([], 0.0)))
    assert "ingest some documents first" in caplog.text
