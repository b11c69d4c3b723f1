"""The register of adapters: which exist, with the hashes they were registered with, and which one serves.

One JSON file in the adapters folder, replaced at once, so a reader sees the state before or after a change and never
a mixture. Knows nothing of training or engines.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from assistant.adapter_folder import Expected, verify_adapter
from assistant.base_model import base_model, layer_shapes
from assistant.engines import Adapter
from assistant.errors import InvalidInput, NotFound
from assistant.file_hashes import sync_folder
from assistant.settings import Settings

REGISTER = "register.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered adapter. The manifest's hash stands here, outside the folder, so a changed folder is noticed."""

    id: str
    manifest_sha256: str
    registered_at: str
    validation_loss: float | None = None


@dataclass(frozen=True, slots=True)
class Register:
    """All adapters by id; `serving` is the pointer, `earlier` the adapters (None: the base) that served before it."""

    adapters: dict[str, Entry] = field(default_factory=dict)
    serving: str | None = None
    earlier: tuple[str | None, ...] = ()

    def entry(self, adapter_id: str) -> Entry:
        """The adapter of that id; raises NotFound naming it."""
        if adapter_id not in self.adapters:
            raise NotFound(f"no adapter {adapter_id!r}; `assistant adapters list` shows the ids")
        return self.adapters[adapter_id]


def read_register(folder: Path) -> Register:
    """The register as of now; raises InvalidInput when the file is damaged."""
    path = folder / REGISTER
    try:
        values = json.loads(path.read_text("utf-8"))
        adapters = {id: Entry(**entry) for id, entry in values["adapters"].items()}
        return Register(adapters, values["serving"], tuple(values["earlier"]))
    except FileNotFoundError:
        return Register()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{path} is damaged ({error}); restore it from a backup, or remove it to start anew"
        ) from error


def write_register(folder: Path, register: Register) -> None:
    """Replace the register durably and at once."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(prefix=".register-", dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(register), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, folder / REGISTER)
    sync_folder(folder)


def verified_adapter(settings: Settings, adapter_id: str) -> Adapter:
    """A registered adapter whose folder was just checked against register, base model and prompt version.

    Raises NotFound, or InvalidInput with the reason it must not be loaded.
    """
    entry = read_register(settings.adapters_folder).entry(adapter_id)
    base = base_model(settings)
    folder = settings.adapters_folder / adapter_id
    verify_adapter(folder, Expected(base.sha256, layer_shapes(base.folder), entry.manifest_sha256))
    return Adapter(adapter_id, folder)


def serving_adapter(settings: Settings) -> Adapter | None:
    """The adapter that replies should use now, verified; None for the base model."""
    serving = read_register(settings.adapters_folder).serving
    return verified_adapter(settings, serving) if serving else None
