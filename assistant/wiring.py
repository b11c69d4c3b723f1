"""The only place where the parts of an Assistant are joined."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

from assistant.adapters import serving_adapter
from assistant.calibration import CalibrationFile
from assistant.engines import Engine
from assistant.engines.choose import open_engine
from assistant.errors import Unavailable
from assistant.heard import Listener
from assistant.learned_models import fingerprint
from assistant.prepared_embedder import prepared_embedder
from assistant.settings import Settings
from assistant.store import Store
from assistant.turn import Assistant
from assistant.weights import MULTILINGUAL_FOLDER, ensure_models, ensure_multilingual
from retrieval.by_script import ByScript
from retrieval.embed import Embedder, load_embedder
from retrieval.hardware import bf16_in_processor, surely_no_gpu
from retrieval.search import Retriever

log = logging.getLogger(__name__)


def build_embedder(settings: Settings) -> Embedder:
    """The embedder of the settings, by default the one `assistant setup` fetched."""
    name = settings.embedder or str(prepared_embedder(settings, ensure_models(settings).embedder))
    return load_embedder(name, settings.threads)


def bulk_loader(settings: Settings) -> Callable[[], Embedder] | None:
    """Loads what encodes many texts faster than `build_embedder`'s; None where nothing does."""
    if settings.embedder or not (surely_no_gpu() and bf16_in_processor()):
        return None
    return lambda: load_embedder(str(ensure_models(settings).embedder), settings.threads)


def multilingual_loader(settings: Settings) -> Callable[[], Embedder] | None:
    """Loads the embedder for all languages, once; None where the settings do without a second one."""
    if settings.embedder or settings.multilingual == "never":
        return None
    lock = threading.Lock()

    @cache
    def load() -> Embedder:
        return load_embedder(str(ensure_multilingual(settings)), settings.threads)

    def loaded() -> Embedder:
        with lock:
            return load()

    return loaded


def by_script(plain: Embedder, second: Callable[[], Embedder] | None) -> ByScript:
    """What classifiers read messages with; without the second embedder's files they go on by n-grams alone."""
    if second is None:
        return ByScript(plain, None)

    def loaded() -> Embedder | None:
        try:
            return second()
        except Unavailable as error:
            log.error("messages outside the Latin script are classified by their n-grams alone: %s", error)
            return None

    return ByScript(plain, loaded, MULTILINGUAL_FOLDER)


def build_reader(settings: Settings) -> ByScript:
    """What intents and moods are learnt and classified with."""
    return by_script(build_embedder(settings), multilingual_loader(settings))


def build_raw_retriever(settings: Settings) -> Retriever:
    """Search over the home's index, with the evidence as shipped."""
    return Retriever(build_embedder(settings), Path(settings.index_folder), multilingual_loader(settings))


def build_retriever(settings: Settings) -> Retriever:
    """Search over the home's index, with the team's own calibration of the evidence if there is one."""
    return _retriever(settings, multilingual_loader(settings))


def _retriever(settings: Settings, second: Callable[[], Embedder] | None) -> Retriever:
    embedder = build_embedder(settings)
    calibration = CalibrationFile(settings.home, fingerprint(embedder))
    return Retriever(embedder, Path(settings.index_folder), second, calibration)


def build_engine(settings: Settings) -> Engine:
    """The language model of the settings."""
    return open_engine(settings)


def build_assistant(settings: Settings) -> Assistant:
    """Everything a turn needs, ready to answer. Raises Unavailable when a part is missing."""
    store = Store(settings.sqlalchemy_url)
    second = multilingual_loader(settings)
    retriever = _retriever(settings, second)
    listener = Listener(settings, store, by_script(retriever.embedder, second))
    calibration = CalibrationFile(settings.home, fingerprint(retriever.embedder))
    return Assistant(store, retriever, build_engine(settings), settings, listener=listener, calibration=calibration)


async def adopt_adapter(assistant: Assistant) -> None:
    """Generate with the promoted adapter, if there is one; raises InvalidInput when its files are not as registered."""
    await assistant.engine.use_adapter(await asyncio.to_thread(serving_adapter, assistant.settings))
