"""The errors retrieval raises on purpose; each message names the value and the remedy."""

from __future__ import annotations


class RetrievalError(Exception):
    """A problem a person can act on."""


class EmbedderMissing(RetrievalError):
    """The embedding model cannot be loaded from the folder or name given."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"cannot load the embedder {name!r}: {reason}; "
            "give a sentence-transformers folder or hub id, or run `assistant setup` for the default one"
        )
