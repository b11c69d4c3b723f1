"""The commands about approvals as a person runs them."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from assistant.store import Store
from assistant.store_approvals import approvals, approve_reply, revoke_all
from tests.storing import REPLY, ask
from ui.cli import app


def test_a_false_alarm_is_taken_back_by_one_command(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'assistant.db'}")
    for _ in range(3):
        chat = store.create_conversation(channel="api").id
        approve_reply(store, store.add_reply(chat, ask(store, chat).id, REPLY).id, "kim")
    revoke_all(store, [approval.message_id for approval in approvals(store)], "run r1")
    done = CliRunner().invoke(app, ["--home", str(tmp_path), "approvals", "restore", "r1", "--by", "ada"])
    assert done.exit_code == 0 and "3 replies may be learnt from again; next: assistant retrain" in done.stdout
    assert {(approval.valid, approval.by) for approval in approvals(store)} == {(True, "ada")}
    store.close()
