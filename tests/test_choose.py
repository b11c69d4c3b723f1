"""Which engine the settings lead to, and what is said when they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.engines.choose import open_engine
from assistant.engines.remote import RemoteEngine
from assistant.errors import InvalidInput
from assistant.settings import load_settings
from tests.tiny_models import tiny_llama


@pytest.mark.parametrize("engine", ["auto", "remote"])
async def test_a_url_means_remote_even_for_a_gguf_name(tmp_path: Path, engine: str) -> None:
    opened = open_engine(
        load_settings(tmp_path, engine=engine, engine_url="http://localhost:9/v1", model="m.gguf", context_tokens=4096)
    )
    assert isinstance(opened, RemoteEngine)
    assert (opened.model, opened.adapter, opened.context_tokens) == ("m.gguf", None, 4096)
    await opened.close()


async def test_a_folder_means_torch(tmp_path: Path) -> None:
    from assistant.engines.torch_engine import TorchEngine

    folder = tiny_llama(tmp_path / "my-model")
    opened = open_engine(load_settings(tmp_path / "home", model=str(folder), threads=1))
    assert isinstance(opened, TorchEngine)
    assert opened.model == "my-model"
    await opened.close()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"engine": "remote", "model": "m"}, "engine_url"),
        ({"engine_url": "ftp://host/v1", "model": "m"}, "ftp://host/v1"),
        ({"engine_url": "http://host/v1"}, "setting model"),
        ({"engine": "llamacpp", "model": "some/folder"}, r"needs a \.gguf file"),
        ({"model": "/nowhere/none.gguf"}, "no such file"),
    ],
)
def test_settings_that_cannot_work_are_named(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        open_engine(load_settings(tmp_path, **given))
