"""Twenty-odd hostile adapter folders: none loads, nothing in them is executed, and each refusal says why."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from assistant.adapter_folder import CONFIG, GGUF, MANIFEST, WEIGHTS, Expected, verify_adapter
from assistant.base_model import base_model, layer_shapes, safetensors_shapes
from assistant.errors import InvalidInput
from assistant.file_hashes import sha256
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, examples, settings_for
from training.tuning import tune


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], Expected]:
    """The files of a sound adapter and what it must fit."""
    settings = settings_for(tiny_llama(tmp_path_factory.mktemp("tiny")), tmp_path_factory.mktemp("home"))
    made = tune(settings, replace(QUICK, epochs=0.25), examples())
    assert made is not None
    base = base_model(settings)
    files = {path.name: path.read_bytes() for path in made.folder.iterdir()}
    return files, Expected(base.sha256, layer_shapes(base.folder), sha256(made.folder / MANIFEST))


@pytest.fixture
def folder(good: tuple[dict[str, bytes], Expected], tmp_path: Path) -> Path:
    """A fresh copy to spoil."""
    target = tmp_path / "adapter"
    target.mkdir()
    for name, content in good[0].items():
        (target / name).write_bytes(content)
    return target


def rehash(folder: Path, **changes: Any) -> None:
    """Make the manifest fit what is in the folder, as an attacker would."""
    manifest = json.loads((folder / MANIFEST).read_text("utf-8")) | changes
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    manifest["files"] = {name: sha256(folder / name) for name in names}
    (folder / MANIFEST).write_text(json.dumps(manifest), "utf-8")


class Bomb:
    """Unpickled, it leaves a mark."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch /tmp/assistant-test-pickle-ran",)


def extra_pickle(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(pickle.dumps(Bomb()))
        rehash(folder)

    return spoil


def pickled_weights(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(pickle.dumps(Bomb()))
    rehash(folder)


def zipped_weights(folder: Path) -> None:
    with zipfile.ZipFile(folder / WEIGHTS, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    rehash(folder)


def header(length: int, text: bytes = b"{}") -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / WEIGHTS).write_bytes(struct.pack("<Q", length) + text)
        rehash(folder)

    return spoil


def header_of(values: object, body: bytes = b"") -> Callable[[Path], None]:
    text = json.dumps(values).encode()
    return header(len(text), text + body)


def weights(change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        change(tensors)
        save_file(tensors, folder / WEIGHTS)
        rehash(folder)

    return spoil


def wrong_shape(tensors: dict[str, np.ndarray]) -> None:
    name = next(name for name in tensors if name.endswith("lora_A.weight"))
    tensors[name] = np.zeros((4, 1000), np.float32)


def wrong_rank(tensors: dict[str, np.ndarray]) -> None:
    name = next(name for name in tensors if name.endswith("lora_B.weight"))
    tensors[name] = np.zeros((tensors[name].shape[0], 9), np.float32)


def half_a_pair(tensors: dict[str, np.ndarray]) -> None:
    del tensors[next(name for name in tensors if name.endswith("lora_B.weight"))]


def no_such_layer(tensors: dict[str, np.ndarray]) -> None:
    tensors["base_model.model.model.layers.99.self_attn.q_proj.lora_A.weight"] = np.zeros((4, 64), np.float32)


def whole_embedding(tensors: dict[str, np.ndarray]) -> None:
    tensors["base_model.model.model.embed_tokens.weight"] = np.zeros((4, 64), np.float32)


def config(**values: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        told = json.loads((folder / CONFIG).read_text("utf-8")) | values
        (folder / CONFIG).write_text(json.dumps(told), "utf-8")
        rehash(folder)

    return spoil


def manifest(**values: object) -> Callable[[Path], None]:
    return lambda folder: rehash(folder, **values)


def changed_after(folder: Path) -> None:
    with (folder / WEIGHTS).open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\1\2\3\4")


def outside_link(folder: Path) -> None:
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("/etc/passwd")


def sub_folder(folder: Path) -> None:
    (folder / "code").mkdir()


def missing(folder: Path) -> None:
    (folder / CONFIG).unlink()
    rehash(folder)


def unlisted(folder: Path) -> None:
    (folder / "curve.html").unlink()


def no_json(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b"\xff\xfe not json")


def huge_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b"[" * 5_000_000)


def deep_config(folder: Path) -> None:
    (folder / CONFIG).write_text("[" * 100_000, "utf-8")
    rehash(folder)


def gguf_head(content: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / GGUF).write_bytes(content)
        rehash(folder)

    return spoil


OTHER = {"name": "other", "sha256": "f" * 64}
OVERLAP = {name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for name in "ab"}
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "pickle beside the weights": (extra_pickle("adapter_model.bin"), "never from pickles"),
    "pickled training state": (extra_pickle("training_args.pt"), "never from pickles"),
    "python code": (extra_pickle("modeling.py"), "does not belong"),
    "pickle named safetensors": (pickled_weights, "header of"),
    "torch zip named safetensors": (zipped_weights, "header of"),
    "header of exabytes": (header(2**62), "header of 4611686018427387904 bytes"),
    "header longer than the file": (header(5000), "header of 5000 bytes"),
    "header that is no JSON": (header(4, b"abcd"), "not a safetensors header"),
    "header that is a list": (header_of([1, 2]), "not a safetensors header"),
    "overlapping tensors": (header_of(OVERLAP, b"\0" * 4), "overlap"),
    "negative offsets": (header_of({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}), "data_offsets"),
    "unknown number format": (header_of({"a": {"dtype": "OBJ", "shape": [1], "data_offsets": [0, 4]}}), "OBJ"),
    "wrong shape": (weights(wrong_shape), "shape (4, 1000)"),
    "wrong rank": (weights(wrong_rank), "shape"),
    "one half of a pair": (weights(half_a_pair), "lora_A and lora_B"),
    "a layer that is not there": (weights(no_such_layer), "layers.99"),
    "a replaced embedding": (weights(whole_embedding), "embed_tokens"),
    "another kind of adapter": (config(peft_type="PROMPT_TUNING"), "PROMPT_TUNING"),
    "code of others": (config(auto_mapping={"base_model_class": "x", "parent_library": "os"}), "auto_mapping"),
    "further modules": (config(modules_to_save=["lm_head"]), "modules_to_save"),
    "an absurd rank": (config(r=10**9), "r = 1000000000"),
    "wrong base": (manifest(base=OTHER), "base model 'other'"),
    "wrong prompt version": (manifest(prompt_version="0"), "prompt version '0'"),
    "unknown format": (manifest(format=99), "format 99"),
    "an id that leaves the folder": (manifest(id="../../etc"), "id '../../etc'"),
    "fields that are no text": (manifest(dataset_hash=None), "dataset_hash"),
    "weights changed afterwards": (changed_after, "was changed"),
    "a link out of the folder": (outside_link, "not a plain file"),
    "a folder inside": (sub_folder, "not a plain file"),
    "a missing file": (missing, "is missing"),
    "a listed file that is gone": (unlisted, "but the folder holds"),
    "a manifest that is no JSON": (no_json, "manifest.json"),
    "a huge manifest": (huge_manifest, "at most"),
    "a deeply nested config": (deep_config, "not JSON"),
    "no GGUF": (gguf_head(b"PK\3\4" + b"\0" * 40), "not a GGUF file"),
    "a GGUF of endless tensors": (gguf_head(b"GGUF" + struct.pack("<IQQ", 3, 2**60, 5)), "tensors"),
}


def test_a_sound_folder_is_accepted(folder: Path, good: tuple[dict[str, bytes], Expected]) -> None:
    assert verify_adapter(folder, good[1]).files.keys() == good[0].keys() - {MANIFEST}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_folder_is_refused_with_the_reason(
    name: str, folder: Path, good: tuple[dict[str, bytes], Expected]
) -> None:
    spoil, reason = HOSTILE[name]
    spoil(folder)
    mark = Path("/tmp/assistant-test-pickle-ran")
    with pytest.raises(InvalidInput) as caught:
        verify_adapter(folder, replace(good[1], manifest_sha256=None))
    assert reason in str(caught.value)
    assert not mark.exists()


def test_a_folder_rewritten_with_fitting_hashes_is_not_the_registered_one(
    folder: Path, good: tuple[dict[str, bytes], Expected]
) -> None:
    (folder / "README.md").write_text("another card", "utf-8")
    rehash(folder)
    verify_adapter(folder, replace(good[1], manifest_sha256=None))
    with pytest.raises(InvalidInput, match="not the one that was registered"):
        verify_adapter(folder, good[1])


def test_no_folder_is_said(tmp_path: Path, good: tuple[dict[str, bytes], Expected]) -> None:
    with pytest.raises(InvalidInput, match="no such folder"):
        verify_adapter(tmp_path / "none", good[1])


def test_shapes_are_read_from_the_header(tmp_path: Path) -> None:
    save_file({"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.int8)}, tmp_path / "x.safetensors")
    assert safetensors_shapes(tmp_path / "x.safetensors", 1000) == {"a": (2, 3), "b": (4,)}
