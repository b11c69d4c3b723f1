"""Adapters on the shelf: register, list, promote, roll back, block, remove; the serving pointer changes in one step.

Verifies folders before the pointer in SQL moves; knows nothing of training, gates or engines.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from assistant.adapter_folder import MANIFEST, Expected, Manifest, read_manifest, verify_adapter
from assistant.adapter_register import Change, Entry, Register, Trial, TrialMode
from assistant.adapters import adapter_folder, opened, register_now, verified
from assistant.base_model import base_model, layer_shapes
from assistant.file_hashes import sha256
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_adapters import (
    add_adapter,
    begin_trial,
    block_adapters,
    changes,
    end_trial,
    promote,
    remove_adapter,
    rollback,
    rollback_target,
    unblock_adapter,
)
from assistant.store_erasure import erasures
from training.lineage import erased_reason, read_lineage

BY_HAND = "by hand"


class Registry:
    """The adapters of one home; every change is one transaction, whichever process makes it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def list(self) -> Register:
        """All adapters and the pointer."""
        return register_now(self._settings)

    def history(self, limit: int = 50) -> Sequence[Change]:
        """The moves of the pointer, latest first."""
        with opened(self._settings) as store:
            return changes(store, limit)

    def manifest(self, adapter_id: str) -> Manifest:
        """What an adapter says about itself; raises NotFound."""
        return read_manifest(adapter_folder(self._settings, self.list().entry(adapter_id).id))

    def add(self, adapter_id: str, validation_loss: float | None) -> Entry:
        """Register the folder of that id, after checking it; raises InvalidInput with the reason it is refused."""
        folder = adapter_folder(self._settings, adapter_id)
        base = base_model(self._settings)
        verify_adapter(folder, Expected(base.sha256, layer_shapes(base.folder)))
        with opened(self._settings) as store:
            blocked = _erased_meanwhile(store, folder)
            return add_adapter(store, adapter_id, sha256(folder / MANIFEST), validation_loss, blocked)

    def promote(self, adapter_id: str, reason: str = BY_HAND) -> Register:
        """Make a verified adapter the one that serves.

        Raises NotFound, InvalidInput, or Conflict for a blocked one, and changes nothing then.
        """
        verified(self._settings, self.list().allowed(adapter_id))
        with opened(self._settings) as store:
            return promote(store, adapter_id, reason)

    def rollback(self, to: str | None = None, reason: str = BY_HAND, seen: int | None = None) -> str | None:
        """Serve again what served before, or `to`, which did earlier; returns its id, None for the base model.

        `seen` is the version of the register that this was decided upon, if it must not have changed. Raises Conflict
        when there is nothing to go back to, InvalidInput when that one must not be loaded.
        """
        register = self.list()
        if target := rollback_target(register, to):
            verified(self._settings, register.entry(target))
        with opened(self._settings) as store:
            return rollback(store, reason, to, seen).serving

    def block(self, adapter_ids: Collection[str], reason: str) -> None:
        """Keep adapters from being promoted or tried; what serves goes on until something else does."""
        with opened(self._settings) as store:
            block_adapters(store, adapter_ids, reason)

    def unblock(self, adapter_id: str) -> None:
        """Lift a block; raises NotFound."""
        with opened(self._settings) as store:
            unblock_adapter(store, adapter_id)

    def begin_trial(self, adapter_id: str, mode: TrialMode, share: float) -> Trial:
        """Run a verified candidate beside the serving adapter; raises NotFound, InvalidInput, Conflict."""
        verified(self._settings, self.list().allowed(adapter_id))
        with opened(self._settings) as store:
            return begin_trial(store, adapter_id, mode, share)

    def end_trial(self) -> str | None:
        """End the trial; returns its candidate, None if there was none."""
        with opened(self._settings) as store:
            return end_trial(store)

    def remove(self, adapter_id: str) -> None:
        """Forget an adapter and delete its folder; raises NotFound, or Conflict for one in use."""
        with opened(self._settings) as store:
            remove_adapter(store, adapter_id)
        shutil.rmtree(adapter_folder(self._settings, adapter_id), ignore_errors=True)


def _erased_meanwhile(store: Store, folder: Path) -> str | None:
    """Why an adapter must not serve: somebody it learnt from was erased before or while it was trained."""
    lineage = read_lineage(folder)
    for done in erasures(store) if lineage else ():
        if lineage and lineage.holds({done.customer_hash}, done.conversation_hashes):
            return erased_reason(done.receipt["receipt"])
    return None
