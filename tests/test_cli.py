"""The commands as a person runs them, on the default models and the example shop, each in its own process or home."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.settings import default_home
from assistant.store import Store

ROOT = Path(__file__).parents[1]
KNOWLEDGE = ROOT / "examples" / "knowledge"


def run(home: Path, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from ui.cli import main; main()", "--home", str(home), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, input=text, timeout=300, check=False)


def one_json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def json_lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the default models and the example knowledge base."""
    home = tmp_path_factory.mktemp("shop")
    if (default_home() / "models").is_dir():
        (home / "models").symlink_to((default_home() / "models").resolve())
    assert run(home, "setup").returncode == 0
    report = one_json(run(home, "ingest", str(KNOWLEDGE), "--source", "examples", "--json"))
    assert report["added"] > 40 and report["failed"] == [] and report["passages"] >= report["added"]
    return home


@pytest.mark.integration
def test_ingesting_again_costs_nothing_and_a_broken_file_is_listed(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 not really")
    (tmp_path / "hours.md").write_text("# Repair desk\n\nThe repair desk opens at 7:45.\n", "utf-8")
    again = one_json(run(shop, "ingest", str(KNOWLEDGE), "--source", "examples", "--json"))
    assert again["added"] == again["updated"] == 0 and again["unchanged"] > 40
    report = one_json(run(shop, "ingest", str(tmp_path), "--json"))
    assert report["added"] == 1
    assert [Path(failure["path"]).name for failure in report["failed"]] == ["broken.pdf"]
    assert report["failed"][0]["error"]
    found = one_json(run(shop, "search", "When does the repair desk open?", "-k", "1", "--json"))
    assert "7:45" in found["hits"][0]["text"]
    listed = one_json(run(shop, "documents", "list", "--json"))["documents"]
    assert "hours.md" in {document["id"] for document in listed}
    assert run(shop, "documents", "remove", "hours.md").returncode == 0
    gone = run(shop, "documents", "remove", "hours.md")
    assert gone.returncode == 1 and "hours.md" in gone.stderr and "Traceback" not in gone.stderr
    store = Store(f"sqlite:///{shop / 'assistant.db'}")
    assert "hours.md" not in {document.id for document in store.documents()}
    store.close()


@pytest.mark.integration
def test_search_batches_keep_order_and_report_bad_lines(shop: Path) -> None:
    lines = [
        '{"id": "a", "query": "How long can I return a lamp?"}',
        "{broken",
        '{"id": "c", "messages": [{"role": "user", "content": "Do you sell gift cards?"},'
        ' {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "how long are they valid?"}]}',
        '{"id": "d"}',
    ]
    results = json_lines(run(shop, "search", "-k", "3", "--batch", "-", text="\n".join(lines)))
    assert [result["id"] for result in results] == ["a", None, "c", "d"]
    assert set(results[0]) == {"id", "query", "hits", "evidence"} and len(results[0]["hits"]) == 3
    assert set(results[0]["hits"][0]) == {"document_id", "passage_id", "title", "source", "text", "score"}
    assert 0 <= results[0]["evidence"] <= 1 and "30 days" in results[0]["hits"][0]["text"]
    assert "5 years" in results[2]["hits"][0]["text"] and results[2]["query"] == "how long are they valid?"
    assert "line 2" in results[1]["error"] and "query" in results[3]["error"]


@pytest.mark.integration
def test_asking_answers_cites_and_stores(shop: Path) -> None:
    answer = one_json(run(shop, "ask", "How long is a gift card valid?", "--json"))
    keys = "id reply action citations evidence intent language model adapter timings_ms".split()
    assert set(answer) == set(keys) and answer["action"] == "answer" and "5 years" in answer["reply"]
    assert {"document_id", "passage_id", "quote"} <= set(answer["citations"][0])
    store = Store(f"sqlite:///{shop / 'assistant.db'}")
    assert store.message(answer["id"]).text == answer["reply"]
    store.close()


@pytest.mark.integration
def test_ask_batches_store_nothing_and_cover_every_action(shop: Path) -> None:
    asked = [
        {"id": 1, "query": "你们接受支付宝吗？"},
        {"id": 2, "query": "Who won the football world cup in 1966?"},
        {"id": 3, "query": "hello"},
        {"id": 4, "query": "I want to talk to a human being"},
    ]
    before = stored(shop)
    results = json_lines(run(shop, "ask", "--batch", "-", text="\n".join(json.dumps(line) for line in asked)))
    assert [result["id"] for result in results] == [1, 2, 3, 4]
    assert [result["action"] for result in results] == ["answer", "hand_over", "small_talk", "hand_over"]
    assert "支付宝" in results[0]["reply"] and results[0]["language"] == "zh"
    assert stored(shop) == before


def stored(home: Path) -> int:
    store = Store(f"sqlite:///{home / 'assistant.db'}")
    count = sum(1 for _ in store.iter_conversations())
    store.close()
    return count


@pytest.mark.integration
def test_the_terminal_chat_answers_until_an_empty_line(shop: Path) -> None:
    done = run(shop, "chat", text="hello\nHow long is a gift card valid?\n\n")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "5 years" in done.stdout and "[1]" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("search",), 2, "--batch"),
        (("search", "x", "--batch", "y"), 2, "--batch"),
        (("nonsense",), 2, "nonsense"),
        (("search", "--batch", "/nowhere.jsonl"), 1, "/nowhere.jsonl"),
        (("ingest", "/nowhere"), 1, "/nowhere"),
        (("documents", "list"), 1, "ingest"),
        (("serve", "--host", "0.0.0.0"), 1, "API keys"),
    ],
)
def test_mistakes_are_named_without_a_stack_trace(
    tmp_path: Path, words: Sequence[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (default_home() / "models").is_dir():
        (tmp_path / "models").symlink_to((default_home() / "models").resolve())
    done = run(tmp_path, *words)
    assert done.returncode == code
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_bad_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "assistant.toml").write_text("top_k = 0\n", "utf-8")
    done = run(tmp_path, "documents", "list")
    assert done.returncode == 1 and "top_k" in done.stderr and "Traceback" not in done.stderr
