"""Small learned models in the home folder: written under a name of their own, registered, verified before each load.

Knows files and hashes; nothing of what a model computes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from assistant.errors import Unavailable
from assistant.file_hashes import sha256
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_intents import LearnedModel, newest_model, register_model
from assistant.tables_understanding import ModelKind
from retrieval.by_script import ByScript, Reads

FORMAT = 3  # of the files; one that another version wrote is not loaded but learnt again
_PROBE = "Where is my parcel?"


def heads_folder(settings: Settings) -> Path:
    """Where learned models live."""
    return settings.home / "heads"


def fingerprint(embedder: Reads) -> str:
    """Names what an embedder does, whatever it is called: vectors of two with the same fingerprint can be mixed.

    After a plus sign stands which one reads what the first cannot.
    """
    rounded = (embedder.encode_queries([_PROBE])[0] * 20).round().astype("int8")
    mark = f"{embedder.dimension}-{hashlib.sha256(rounded.tobytes()).hexdigest()[:16]}"
    return f"{mark}+{embedder.second_name}" if isinstance(embedder, ByScript) and embedder.second_name else mark


def publish_model(
    settings: Settings,
    store: Store,
    kind: ModelKind,
    write: Callable[[Path], None],
    *,
    examples_hash: str,
    embedder: str,
    details: dict[str, Any],
) -> None:
    """Let `write` fill a file, then make it the serving model of its kind; older files stay until the next start."""
    folder = heads_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{kind}-", dir=folder)
    os.close(descriptor)
    temporary = Path(name)
    try:
        write(temporary)
        digest = sha256(temporary)
        final = folder / f"{kind}-{digest[:16]}.safetensors"
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
    register_model(
        store,
        kind,
        file=final.name,
        sha256=digest,
        examples_hash=examples_hash,
        embedder=embedder,
        details={**details, "format": FORMAT},
    )


def used_readers(store: Store) -> set[str]:
    """Names of the folders of tuned copies that the serving models use."""
    newest = (newest_model(store, kind) for kind in get_args(ModelKind))
    return {name for model in newest if model is not None for name in model.details.get("readers", ())}


def serving_model(settings: Settings, store: Store, kind: ModelKind, embedder: str) -> tuple[LearnedModel, Path] | None:
    """The registered model and its verified file; None if none was learnt by this version with this embedder.

    Raises Unavailable when the file is missing or not the one that was registered.
    """
    model = newest_model(store, kind)
    if model is None or model.embedder != embedder or model.details.get("format") != FORMAT:
        return None
    path = heads_folder(settings) / model.file
    if not path.is_file() or sha256(path) != model.sha256:
        raise Unavailable(f"{str(path)!r} is missing or was changed since it was learnt; import the examples again")
    return model, path
