"""The knowledge base as a company sees it: ingest into the index, and keep the SQL catalogue in step.

The index folder is the one home of passages and vectors; the SQL table lists documents for staff and history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from assistant.settings import Settings
from assistant.store import Store
from assistant.wiring import build_embedder, bulk_loader, multilingual_loader
from retrieval.failures import IndexMissing
from retrieval.ingest import IngestReport, Second, ingest, remove
from retrieval.version import CatalogueEntry, open_version

Progress = Callable[[str, int, int | None], None]


def ingest_documents(
    settings: Settings, paths: Sequence[Path], source: str | None, *, prune: bool, progress: Progress
) -> IngestReport:
    """Add or update documents and publish them; without paths, rebuild the index where it is out of date.

    Raises RetrievalError when a path does not exist.
    """
    embedder = build_embedder(settings)
    loader = multilingual_loader(settings)
    second = None if loader is None else Second(loader, settings.multilingual == "always")
    many = bulk_loader(settings)
    report = ingest(paths, source, embedder, settings.index_folder, progress, prune=prune, second=second, many=many)
    sync_catalogue(settings)
    return report


def forget_documents(settings: Settings, ids: Sequence[str]) -> int:
    """Remove documents; returns the passages left. Raises UnknownDocument before anything is removed."""
    passages = remove(ids, settings.index_folder)
    sync_catalogue(settings)
    return passages


def sync_catalogue(settings: Settings) -> None:
    """Bring the SQL catalogue to the state of the published index; safe to repeat."""
    entries: Iterable[CatalogueEntry] = ()
    with suppress(IndexMissing):  # nothing could be read yet
        entries = open_version(settings.index_folder).documents.values()
    store = Store(settings.sqlalchemy_url)
    try:
        store.sync_documents(entries)
    finally:
        store.close()
