"""`assistant logs` as a person runs it, in this process, on the shop's example conversations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from ui.cli import app

CONVERSATIONS = Path(__file__).parents[1] / "examples" / "conversations.jsonl"


def run(home: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["--home", str(home), "logs", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_export_to_standard_output_imports_elsewhere_as_the_same(tmp_path: Path) -> None:
    here, there, file = tmp_path / "here", tmp_path / "there", tmp_path / "moved.jsonl"
    first = json.loads(run(here, "import", str(CONVERSATIONS), "--source", "shop", "--json"))
    assert first["added"] == len(CONVERSATIONS.read_text("utf-8").splitlines())
    file.write_text(run(here, "export"), "utf-8")
    run(there, "import", str(file), "--source", "shop", "--json")
    exported = [sorted(run(home, "export").splitlines()) for home in (here, there)]
    assert exported[0] == exported[1]


def test_the_openai_format_has_roles_and_texts_only(tmp_path: Path) -> None:
    run(tmp_path, "import", str(CONVERSATIONS), "--json")
    exported = lines(run(tmp_path, "export", "--format", "openai"))
    assert exported
    assert all(set(row) == {"messages"} for row in exported)
    assert {key for row in exported for message in row["messages"] for key in message} == {"role", "content"}


def test_an_unknown_format_is_a_usage_error_that_names_the_known_ones(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--home", str(tmp_path), "logs", "export", "--format", "xml"])
    assert result.exit_code == 2
    assert "messages" in result.output and "'xml'" in result.output
