"""The default embedder converted once, so that later starts load it without torch, which takes seconds to import.

The conversion lies beside the verified model, named by its sha256, and is made again when its files changed since.
Knows files; what is converted and whether it gives the same vectors is told by retrieval/sentence_models.py.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock

from assistant.file_hashes import known_sha256, note, noted_sha256, sha256, sync_folder
from assistant.settings import Settings
from assistant.weights import LOCK_SECONDS
from retrieval.hardware import surely_no_gpu
from retrieval.prepared import ABOUT, TOKENIZER, WEIGHTS

log = logging.getLogger(__name__)


def prepared_embedder(settings: Settings, source: Path) -> Path:
    """The folder to load for the model at `source`: its conversion, or itself where a GPU may run it."""
    models = settings.models_folder
    if not surely_no_gpu():
        return source
    target = models / f"{source.name}-{known_sha256(models, source / 'model.safetensors')[:12]}-ctranslate2"
    if _sound(models, target):
        return target
    try:
        with FileLock(models / ".lock", timeout=LOCK_SECONDS):
            return target if _sound(models, target) or _made(models, source, target) else source
    except OSError as error:
        log.warning("the embedder is loaded through torch, which takes seconds: %s", error)
        return source


def _files(target: Path) -> tuple[Path, ...]:
    return target / ABOUT, target / TOKENIZER, target / WEIGHTS / "model.bin"


def _sound(models: Path, target: Path) -> bool:
    """Whether the conversion is there as it was made."""
    return all(noted_sha256(models, path) for path in _files(target))


def _made(models: Path, source: Path, target: Path) -> bool:
    """Convert, all or nothing; False where that is not possible. The caller holds the lock."""
    from retrieval.sentence_models import prepare  # takes seconds to import

    staging = Path(tempfile.mkdtemp(prefix=".download-", dir=models))
    try:
        if not prepare(source, staging):
            return False
        staging.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(staging, target)
        sync_folder(models)
        note(models, {path: sha256(path) for path in _files(target)})
        return True
    finally:
        shutil.rmtree(staging, ignore_errors=True)
