"""Where settings come from and what is said about bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import InvalidInput
from assistant.settings import load_settings


def test_environment_beats_file_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assistant.toml").write_text('company = "File & Co"\ntop_k = 7\n', "utf-8")
    monkeypatch.setenv("ASSISTANT_COMPANY", "Env Ltd")
    settings = load_settings(tmp_path)
    assert (settings.company, settings.top_k, settings.engine_slots) == ("Env Ltd", 7, 8)


def test_a_bad_value_is_named_with_what_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_TOP_K", "many")
    with pytest.raises(InvalidInput, match=r"top_k.*'many'"):
        load_settings(tmp_path)


def test_a_misspelt_key_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "assistant.toml").write_text('compnay = "x"\n', "utf-8")
    with pytest.raises(InvalidInput, match="compnay"):
        load_settings(tmp_path)


def test_keys_do_not_show_in_a_printed_settings_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_ENGINE_KEY", "s3cret")
    assert "s3cret" not in repr(load_settings(tmp_path))


def test_the_default_database_is_sqlite_in_the_home(tmp_path: Path) -> None:
    assert load_settings(tmp_path).sqlalchemy_url == f"sqlite:///{tmp_path}/assistant.db"
