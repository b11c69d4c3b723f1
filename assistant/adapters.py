"""Adapters that may be loaded: what the register in SQL says, checked against the folder on disk.

Joins the register and the folders; knows nothing of training or engines.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assistant.adapter_folder import Expected, verify_adapter
from assistant.adapter_register import Entry, Register
from assistant.base_model import base_model, layer_shapes
from assistant.engines import Adapter
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_adapters import read_register


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The settings' store for one piece of work."""
    store = Store(settings.sqlalchemy_url)
    try:
        yield store
    finally:
        store.close()


def register_now(settings: Settings) -> Register:
    """The register as of now."""
    with opened(settings) as store:
        return read_register(store)


def adapter_folder(settings: Settings, adapter_id: str) -> Path:
    """Where an adapter's files are."""
    return settings.adapters_folder / adapter_id


def verified(settings: Settings, entry: Entry) -> Adapter:
    """An adapter whose folder was just checked against its entry, the base model and the prompt version.

    Raises InvalidInput with the reason it must not be loaded.
    """
    base = base_model(settings)
    folder = adapter_folder(settings, entry.id)
    verify_adapter(folder, Expected(base.sha256, layer_shapes(base.folder), entry.manifest_sha256))
    return Adapter(entry.id, folder)


def verified_adapter(settings: Settings, adapter_id: str) -> Adapter:
    """A registered adapter, verified; raises NotFound, or InvalidInput with the reason it must not be loaded."""
    return verified(settings, register_now(settings).entry(adapter_id))


def serving_adapter(settings: Settings) -> Adapter | None:
    """The adapter that replies should use now, verified; None for the base model."""
    register = register_now(settings)
    return verified(settings, register.entry(register.serving)) if register.serving else None
