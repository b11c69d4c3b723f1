"""Which base model adapters belong to: its file or folder, its sha256, and the shapes of its layers.

Reads headers and hashes only; never loads weights.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import InvalidInput
from assistant.file_hashes import known_sha256
from assistant.settings import Settings
from assistant.weights import ensure_models, torch_folder

LARGEST_HEADER = 32_000_000  # bytes; a model of a thousand layers stays far below


@dataclass(frozen=True, slots=True)
class BaseModel:
    """The model that adapters change. `sha256` is of the GGUF file, or over all weight files of a folder."""

    name: str
    sha256: str
    folder: Path  # a Hugging Face folder with the same weights


def base_model(settings: Settings) -> BaseModel:
    """The settings' base model; hashes it on first use. Raises InvalidInput or Unavailable when it cannot be had."""
    settings.models_folder.mkdir(parents=True, exist_ok=True)
    source = Path(settings.model).expanduser() if settings.model else ensure_models(settings).gguf
    folder = torch_folder(settings)
    if source.suffix == ".gguf":
        return BaseModel(source.stem, known_sha256(settings.models_folder, source), folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise InvalidInput(f"setting model = {settings.model!r}: no .safetensors file in {folder}")
    hashes = [f"{path.name} {known_sha256(settings.models_folder, path)}" for path in weights]
    return BaseModel(settings.model, hashlib.sha256("\n".join(hashes).encode()).hexdigest(), folder)


def layer_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every weight by name, from the safetensors headers of a model folder."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        shapes |= safetensors_shapes(path, LARGEST_HEADER)
    return shapes


def safetensors_shapes(path: Path, most_bytes: int) -> dict[str, tuple[int, ...]]:
    """Shapes by name from a safetensors header, which is checked to describe exactly the bytes that follow.

    Raises InvalidInput when it is longer than `most_bytes` or does not.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
        if not 2 <= length <= min(most_bytes, size - 8):
            raise InvalidInput(f"{path.name}: a header of {length} bytes in a file of {size} (allowed: {most_bytes})")
        raw = file.read(length)
    try:
        header = json.loads(raw)
        header.pop("__metadata__", None)
        spans = sorted(_span(entry) for entry in header.values())
        shapes = {str(name): tuple(entry["shape"]) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(f"{path.name}: not a safetensors header ({type(error).__name__}: {error})") from error
    at = 0
    for begin, end in spans:
        if begin != at:
            raise InvalidInput(f"{path.name}: tensors overlap or leave gaps at byte {at}")
        at = end
    if 8 + length + at != size:
        raise InvalidInput(f"{path.name}: tensors take {at} bytes, but {size - 8 - length} follow the header")
    return shapes


_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


def _span(entry: dict[str, Any]) -> tuple[int, int]:
    """Begin and end of a tensor, which must be as long as its type and shape say."""
    begin, end = entry["data_offsets"]
    count = _BYTES[entry["dtype"]]
    for side in entry["shape"]:
        if type(side) is not int or side < 0:
            raise ValueError(f"side {side!r}")
        count *= side
    if type(begin) is not int or type(end) is not int or end - begin != count or begin < 0:
        raise ValueError(f"data_offsets {entry['data_offsets']!r} for {count} bytes")
    return begin, end
