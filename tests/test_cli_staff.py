"""`assistant staff`: passwords come from stdin, and what is done holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assistant.errors import Unauthorized
from assistant.settings import load_settings
from assistant.store import Store
from assistant.store_staff import log_in
from ui.cli import app

PASSWORD = "lamps and leaves"


def run(home: Path, *arguments: str, stdin: str = "") -> str:
    result = CliRunner().invoke(app, ["--home", str(home), "staff", *arguments], input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_staff_from_add_to_disable(tmp_path: Path) -> None:
    run(tmp_path, "add", "Aoife", "--role", "admin", stdin=f"{PASSWORD}\n")
    run(tmp_path, "add", "Ben", stdin=f"{PASSWORD}\n")
    run(tmp_path, "disable", "Ben")
    run(tmp_path, "role", "Aoife", "agent")
    run(tmp_path, "password", "Aoife", stdin="another long one\n")
    assert json.loads(run(tmp_path, "list", "--json")) == {
        "staff": [
            {"name": "Aoife", "role": "agent", "disabled": False},
            {"name": "Ben", "role": "agent", "disabled": True},
        ]
    }
    store = Store(load_settings(tmp_path).sqlalchemy_url)
    assert log_in(store, "Aoife", "another long one")[1].role == "agent"
    with pytest.raises(Unauthorized):
        log_in(store, "Ben", PASSWORD)
    store.close()
    run(tmp_path, "enable", "Ben")


def test_a_password_is_never_an_argument(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--home", str(tmp_path), "staff", "add", "Aoife", PASSWORD])
    assert result.exit_code == 2
