"""Starting to serve: where, and what is ready before anybody asks."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from assistant.errors import InvalidInput
from retrieval.failures import IndexMissing
from retrieval.search import Retriever
from tests.fakes import FakeRetriever
from ui.serving import bound, warm_up


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


def test_a_free_address_is_taken_and_can_be_taken_again() -> None:
    for _ in range(2):
        with bound("127.0.0.1", 0) as found:
            assert found.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["no-such-name.invalid", "192.0.2.1"])
def test_an_address_of_no_use_is_named_with_what_to_do(host: str) -> None:
    with pytest.raises(InvalidInput, match=f"cannot listen on {host} port 8000: .*choose another --host or --port"):
        bound(host, 8000)


def test_a_taken_port_is_one_clear_line_before_any_model_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        command = [sys.executable, "-c", "from ui.cli import main; main()", "--home", str(tmp_path), "serve"]
        done = subprocess.run([*command, "--port", port], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    told = " ".join(done.stderr.split())
    assert f"cannot listen on 127.0.0.1 port {port}" in told and "choose another --host or --port" in told
    assert not (tmp_path / "models").exists()
