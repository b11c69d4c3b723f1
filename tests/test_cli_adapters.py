"""The commands about adapters and customers as a person runs them: what they say, and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assistant.errors import AssistantError, Conflict, InvalidInput, NotFound
from assistant.store import Store
from assistant.store_adapters import add_adapter
from tests.storing import REPLY, ask
from tests.test_live_watch import serve
from ui.cli import app


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with two adapters on the shelf; their folders are tested elsewhere."""
    monkeypatch.setattr("training.registry.verified", lambda settings, entry: None)
    store = Store(f"sqlite:///{tmp_path / 'assistant.db'}")
    add_adapter(store, "one", "1" * 64, 1.25)
    add_adapter(store, "two", "2" * 64, None)
    store.close()
    return tmp_path


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *words])


def said(home: Path, *words: str) -> str:
    done = run(home, *words)
    assert done.exit_code == 0, (done.output, done.exception)
    return " ".join(done.stdout.split())


def as_json(home: Path, *words: str) -> Any:
    return json.loads(run(home, *words, "--json").stdout)


def refused(home: Path, *words: str) -> AssistantError:
    error = run(home, *words).exception
    assert isinstance(error, AssistantError), error
    return error


def test_promotion_and_rollback_say_what_changes_and_when(home: Path) -> None:
    assert "Replies come from the base model" in said(home, "adapters", "list")
    assert "Adapter one serves: running servers use it within 3.5 s, without a restart" in said(
        home, "adapters", "promote", "one", "--reason", "better"
    )
    assert as_json(home, "adapters", "promote", "two") == {"serving": "two", "version": 2}
    assert "Rolled back to adapter one" in said(home, "adapters", "rollback")
    assert as_json(home, "adapters", "rollback", "--to", "base") == {"serving": None}
    moves = as_json(home, "adapters", "history")["changes"]
    assert [(move["action"], move["adapter"]) for move in moves] == [
        ("rolled_back", None),
        ("rolled_back", "one"),
        ("promoted", "two"),
        ("promoted", "one"),
    ]
    assert "better" in said(home, "adapters", "history")
    assert isinstance(refused(home, "adapters", "rollback"), Conflict)


def test_blocks_are_shown_and_hold(home: Path) -> None:
    said(home, "adapters", "promote", "one")
    assert "it still serves" in said(home, "adapters", "block", "one", "--reason", "poisoned")
    assert as_json(home, "adapters", "list")["adapters"][0]["blocked"] == "poisoned"
    said(home, "adapters", "rollback")
    assert "poisoned" in str(refused(home, "adapters", "promote", "one"))
    said(home, "adapters", "unblock", "one")
    said(home, "adapters", "promote", "one")


def test_a_trial_is_begun_compared_and_ended(home: Path) -> None:
    assert isinstance(refused(home, "adapters", "trial"), NotFound)
    assert "answers instead of the serving one on 50% of conversations" in said(
        home, "adapters", "try", "one", "--mode", "canary", "--share", "0.5"
    )
    assert "too little to compare" in said(home, "adapters", "trial")
    store = Store(f"sqlite:///{home / 'assistant.db'}")
    serve(store, "base", 60)
    serve(store, "one", 60, bad=40)
    store.close()
    assert "replies rated bad: 40 of 50" in said(home, "adapters", "trial")
    told = as_json(home, "adapters", "trial")
    assert told["trial"]["mode"] == "canary" and [s["name"] for s in told["signals"] if s["worse"]] == ["rated_bad"]
    assert "canary on 50%" in said(home, "adapters", "list")
    assert "ended" in said(home, "adapters", "try", "--stop")
    assert run(home, "adapters", "try", "one", "--mode", "loud").exit_code == 2
    assert isinstance(refused(home, "adapters", "try", "one", "--share", "2"), InvalidInput)


def test_forgetting_prints_the_receipt_and_names_an_unknown_customer(home: Path) -> None:
    store = Store(f"sqlite:///{home / 'assistant.db'}")
    chat = store.create_conversation(channel="web", customer_id="anna").id
    store.add_reply(chat, ask(store, chat, "Where is my lamp with the velvet shade?").id, REPLY)
    store.close()
    receipt = json.loads(said(home, "forget", "anna"))
    assert receipt["conversations"] == 1 and receipt["rows"]["messages"] == 2 and "anna" not in json.dumps(receipt)
    assert json.loads(said(home, "forget", "anna")) == receipt
    assert b"velvet" not in b"".join(path.read_bytes() for path in home.rglob("assistant.db*"))
    assert "'bert'" in str(refused(home, "forget", "bert"))
