"""The errors retrieval raises on purpose; each message names the value and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class RetrievalError(Exception):
    """A problem a person can act on."""


class EmbedderMissing(RetrievalError):
    """The embedding model cannot be loaded from the folder or name given."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"cannot load the embedder {name!r}: {reason}; "
            "give a sentence-transformers folder or hub id, or run `assistant setup` for the default one"
        )


class IndexMissing(RetrievalError):
    """Nothing has been ingested under this root yet."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"no index under {str(root)!r}: ingest some documents first (`assistant ingest PATH`)")


class IndexCorrupt(RetrievalError):
    """A file of the current version is missing or is not what was published."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"index file {str(path)!r} {reason}: restore the index folder from a backup, "
            "or delete it and ingest the documents again"
        )


class IndexOutdated(RetrievalError):
    """The index was made by an older program or with another embedder."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"index file {str(path)!r} {reason}: run `assistant ingest`, which rebuilds it from the passages it holds"
        )


class IngestBusy(RetrievalError):
    """Another process is changing the same index."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"another ingest is changing the index under {str(root)!r}: wait for it to end and try again")


class UnknownDocument(RetrievalError):
    """Documents to remove that the index does not have."""

    def __init__(self, ids: Sequence[str]) -> None:
        shown = ", ".join(repr(identifier) for identifier in ids[:5]) + (", …" if len(ids) > 5 else "")
        super().__init__(f"no document {shown} in the index: `assistant documents list` shows what there is")


class NothingToIngest(RetrievalError):
    """A path that was given does not exist."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"no such file or folder: {str(path)!r}")
