"""Adapters on the shelf: register, list, promote, roll back, remove; the serving pointer changes in one step.

Knows the register and adapter folders; nothing of training, gates or engines.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from assistant.adapter_folder import MANIFEST, Expected, Manifest, read_manifest, verify_adapter
from assistant.adapters import Entry, Register, read_register, verified_adapter, write_register
from assistant.base_model import base_model, layer_shapes
from assistant.errors import Conflict
from assistant.file_hashes import sha256
from assistant.settings import Settings

LOCK_SECONDS = 30


class Registry:
    """The adapters of one home; changes are made one at a time across processes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder: Path = settings.adapters_folder

    def list(self) -> Register:
        """All adapters and the pointer."""
        return read_register(self._folder)

    def manifest(self, adapter_id: str) -> Manifest:
        """What an adapter says about itself; raises NotFound."""
        return read_manifest(self._folder / self.list().entry(adapter_id).id)

    def add(self, adapter_id: str, validation_loss: float | None) -> Entry:
        """Register the folder of that id, after checking it; raises InvalidInput with the reason it is refused."""
        folder = self._folder / adapter_id
        base = base_model(self._settings)
        verify_adapter(folder, Expected(base.sha256, layer_shapes(base.folder)))
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        entry = Entry(adapter_id, sha256(folder / MANIFEST), moment, validation_loss)
        with self._changing() as register:
            write_register(self._folder, replace(register, adapters={**register.adapters, adapter_id: entry}))
        return entry

    def promote(self, adapter_id: str) -> None:
        """Make a verified adapter the one that serves; raises NotFound or InvalidInput and changes nothing then."""
        verified_adapter(self._settings, adapter_id)
        with self._changing() as register:
            register.entry(adapter_id)
            if register.serving != adapter_id:
                earlier = (*register.earlier, register.serving)
                write_register(self._folder, replace(register, serving=adapter_id, earlier=earlier))

    def rollback(self) -> str | None:
        """Serve again what served before (None: the base model); raises Conflict when nothing did."""
        register = self.list()
        if register.earlier and (target := register.earlier[-1]):
            verified_adapter(self._settings, target)
        with self._changing() as register:
            if not register.earlier:
                raise Conflict("nothing to roll back to: no adapter was promoted before")
            *earlier, target = register.earlier
            write_register(self._folder, replace(register, serving=target, earlier=tuple(earlier)))
        return target

    def remove(self, adapter_id: str) -> None:
        """Forget an adapter and delete its folder; raises NotFound, or Conflict for the one that serves."""
        with self._changing() as register:
            register.entry(adapter_id)
            if register.serving == adapter_id:
                raise Conflict(f"adapter {adapter_id!r} serves; promote another one or roll back first")
            adapters = {id: entry for id, entry in register.adapters.items() if id != adapter_id}
            earlier = tuple(id for id in register.earlier if id != adapter_id)
            write_register(self._folder, replace(register, adapters=adapters, earlier=earlier))
        shutil.rmtree(self._folder / adapter_id, ignore_errors=True)

    @contextmanager
    def _changing(self) -> Iterator[Register]:
        """The register, with no one else changing it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".register.lock", timeout=LOCK_SECONDS):
            yield read_register(self._folder)
