"""Reads an adapter folder and refuses whatever is not exactly what the manifest, the base model and the prompt say.

Looks at names, hashes and headers before anything is loaded; only safetensors, GGUF, JSON and text are ever opened.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.base_model import safetensors_shapes
from assistant.errors import InvalidInput
from assistant.file_hashes import sha256
from assistant.prompt import PROMPT_VERSION

FORMAT = 1
MANIFEST = "manifest.json"
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
GGUF = "adapter.gguf"
TEXTS = ("recipe.json", "metrics.json", "README.md", "curve.html", "lineage.json")
ALLOWED = {MANIFEST, WEIGHTS, CONFIG, GGUF, *TEXTS}
NEEDED = {MANIFEST, WEIGHTS, CONFIG, "recipe.json", "metrics.json", "README.md"}

LARGEST_JSON = 4_000_000  # bytes
LARGEST_HEADER = 4_000_000
MOST_GGUF_TENSORS = 20_000
MOST_GGUF_FIELDS = 100

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_LORA = re.compile(r"base_model\.model\.(?P<layer>[\w.]+)\.(?:lora_(?P<side>[AB])\.weight|lora_magnitude_vector)")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an adapter says about itself; `files` are sha256 by name."""

    id: str
    created_at: str
    base_name: str
    base_sha256: str
    prompt_version: str
    dataset_hash: str
    company: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Expected:
    """What an adapter must fit: base hash, the base's layer shapes, and, where it is known, the manifest's sha256."""

    base_sha256: str
    shapes: Mapping[str, tuple[int, ...]]
    manifest_sha256: str | None = None


def verify_adapter(folder: Path, expected: Expected) -> Manifest:
    """The manifest of an adapter folder that is safe to load; raises InvalidInput with the reason otherwise."""
    try:
        return _verify(folder, expected)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"adapter folder {folder}: {error}") from error
    except InvalidInput as error:
        raise InvalidInput(f"adapter folder {folder}: {error}") from error


def _verify(folder: Path, expected: Expected) -> Manifest:
    _only_known_files(folder)
    if expected.manifest_sha256 and sha256(folder / MANIFEST) != expected.manifest_sha256:
        raise InvalidInput(f"{MANIFEST} is not the one that was registered; train or register the adapter again")
    manifest = read_manifest(folder)
    if manifest.base_sha256 != expected.base_sha256:
        raise InvalidInput(
            f"it was trained for the base model {manifest.base_name!r} (sha256 {manifest.base_sha256[:12]}…), "
            f"but the one in use has sha256 {expected.base_sha256[:12]}…; train a new adapter for it"
        )
    if manifest.prompt_version != PROMPT_VERSION:
        raise InvalidInput(
            f"it was trained with prompt version {manifest.prompt_version!r}, but this program renders version "
            f"{PROMPT_VERSION!r}; train a new adapter"
        )
    _hashes_hold(folder, manifest)
    config = _json(folder / CONFIG)
    _plain_lora(config)
    _weights_fit(safetensors_shapes(folder / WEIGHTS, LARGEST_HEADER), config, expected.shapes)
    if (folder / GGUF).exists():
        _gguf_is_sane(folder / GGUF)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest as written, its fields checked but not its claims; raises InvalidInput."""
    values = _json(folder / MANIFEST)
    if values.get("format") != FORMAT:
        raise InvalidInput(f"{MANIFEST}: format {values.get('format')!r}, but this program reads {FORMAT}")
    base, files = values.get("base"), values.get("files")
    if not isinstance(base, dict) or not isinstance(files, dict):
        raise InvalidInput(f"{MANIFEST}: base and files must be objects")
    texts = {
        "id": values.get("id"),
        "created_at": values.get("created_at"),
        "base_name": base.get("name"),
        "base_sha256": base.get("sha256"),
        "prompt_version": values.get("prompt_version"),
        "dataset_hash": values.get("dataset_hash"),
        "company": values.get("company"),
    }
    for name, value in [*texts.items(), *files.items()]:
        if not isinstance(value, str):
            raise InvalidInput(f"{MANIFEST}: {name} = {value!r} must be text")
    if not _ID.fullmatch(str(texts["id"])):
        raise InvalidInput(f"{MANIFEST}: id {texts['id']!r} may hold a-z, 0-9, '.', '_' and '-' only")
    return Manifest(**texts, files=files)  # type: ignore[arg-type]


def _only_known_files(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        raise InvalidInput("no such folder")
    names = set()
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_file():
            raise InvalidInput(f"{path.name!r} is not a plain file")
        if path.name not in ALLOWED:
            raise InvalidInput(
                f"{path.name!r} does not belong in an adapter folder; weights are read from safetensors and GGUF only, "
                "never from pickles (.bin, .pt, .pkl) or code"
            )
        names.add(path.name)
    if missing := NEEDED - names:
        raise InvalidInput(f"{', '.join(sorted(missing))} is missing")


def _hashes_hold(folder: Path, manifest: Manifest) -> None:
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    if present != set(manifest.files):
        raise InvalidInput(f"{MANIFEST} lists {sorted(manifest.files)}, but the folder holds {sorted(present)}")
    for name, digest in manifest.files.items():
        if (found := sha256(folder / name)) != digest:
            raise InvalidInput(f"{name} has sha256 {found}, but {MANIFEST} says {digest}; the file was changed")


def _json(path: Path) -> dict[str, Any]:
    if (size := path.stat().st_size) > LARGEST_JSON:
        raise InvalidInput(f"{path.name} has {size} bytes; at most {LARGEST_JSON} are read")
    try:
        values = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path.name} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"{path.name} must be a JSON object")
    return values


def _plain_lora(config: Mapping[str, Any]) -> None:
    """Only what we write is read: LoRA on linear layers, no code of others, no further weights."""
    rank = config.get("r")
    if config.get("peft_type") != "LORA" or type(rank) is not int or not 1 <= rank <= 1024:
        raise InvalidInput(f"{CONFIG}: peft_type {config.get('peft_type')!r} with r = {rank!r} is not a LoRA adapter")
    for name in (
        "auto_mapping",
        "modules_to_save",
        "megatron_config",
        "eva_config",
        "corda_config",
        "layer_replication",
    ):
        if config.get(name):
            raise InvalidInput(f"{CONFIG}: {name} = {config[name]!r} is not allowed")


def _weights_fit(
    found: Mapping[str, tuple[int, ...]], config: Mapping[str, Any], base: Mapping[str, tuple[int, ...]]
) -> None:
    """Every tensor must be a LoRA matrix of a layer of the base, with that layer's sides and the config's rank."""
    sides: dict[str, set[str]] = {}
    for name, shape in found.items():
        match = _LORA.fullmatch(name)
        weight = base.get(f"{match['layer']}.weight") if match else None
        if not match or weight is None or len(weight) != 2:
            raise InvalidInput(f"{WEIGHTS}: {name!r} is not a LoRA matrix of a layer of the base model")
        right = {"A": (config["r"], weight[1]), "B": (weight[0], config["r"])}.get(match["side"], (weight[0],))
        if shape != right:
            raise InvalidInput(f"{WEIGHTS}: {name!r} has shape {shape}, but rank and base model need {right}")
        if match["side"]:
            sides.setdefault(match["layer"], set()).add(match["side"])
    if not sides or any(pair != {"A", "B"} for pair in sides.values()):
        raise InvalidInput(f"{WEIGHTS}: each adapted layer needs lora_A and lora_B")


def _gguf_is_sane(path: Path) -> None:
    """The fixed head of the file; the weights in it are those of the safetensors file, bound by the hashes."""
    with path.open("rb") as file:
        head = file.read(24)
    if len(head) < 24 or head[:4] != b"GGUF":
        raise InvalidInput(f"{path.name} is not a GGUF file")
    version, tensors, entries = struct.unpack("<IQQ", head[4:])
    if version not in (2, 3) or tensors > MOST_GGUF_TENSORS or entries > MOST_GGUF_FIELDS:
        raise InvalidInput(f"{path.name}: version {version} with {tensors} tensors and {entries} fields is not allowed")
