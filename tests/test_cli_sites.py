"""The `sites` commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assistant.errors import InvalidInput, NotFound
from ui.cli import app


def run(home: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(app, ["--home", str(home), "sites", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_a_site_is_added_listed_rotated_and_removed(tmp_path: Path) -> None:
    added = json.loads(run(tmp_path, "add", "Shop", "--origin", "https://shop.example", "--json"))
    assert added["origins"] == ["https://shop.example"] and len(added["secret"]) >= 40
    listed = run(tmp_path, "list", "--json")
    assert [site["key"] for site in json.loads(listed)["sites"]] == [added["key"]]
    assert added["secret"] not in listed
    rotated = json.loads(run(tmp_path, "rotate", added["key"], "--grace-hours", "1", "--json"))
    assert rotated["secret"] != added["secret"] and len(rotated["secrets"]) == 2
    assert json.loads(run(tmp_path, "remove", added["key"], "--json")) == {"removed": added["key"]}
    assert json.loads(run(tmp_path, "list", "--json")) == {"sites": []}


def test_people_are_shown_the_line_to_paste(tmp_path: Path) -> None:
    told = run(tmp_path, "add", "Shop", "--origin", "https://shop.example", "--key", "shop")
    assert 'data-site-key="shop"' in told and "shown once" in told
    assert "shop" in run(tmp_path, "list")


def test_odd_origins_and_unknown_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="null"):
        run(tmp_path, "add", "Shop", "--origin", "null")
    with pytest.raises(NotFound):
        run(tmp_path, "remove", "nobody")
