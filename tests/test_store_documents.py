"""The catalogue of documents follows the index."""

from __future__ import annotations

from typing import Any

from assistant.store import Store
from retrieval.index import CatalogueEntry


def entry(id: str, content_hash: str = "h", **other: Any) -> CatalogueEntry:
    return CatalogueEntry(
        **{"id": id, "given_id": id, "title": id, "source": "faq", "path": id, "passages": 1, **other},
        content_hash=content_hash,
    )


def test_the_catalogue_follows_the_index(store: Store) -> None:
    changes = store.sync_documents([entry("a"), entry("b"), entry("c", language="zh")])
    assert (changes.added, changes.updated, changes.removed) == (3, 0, 0)
    first = {d.id: d for d in store.documents()}
    changes = store.sync_documents([entry("a"), entry("b", "h2", passages=4)])
    assert (changes.added, changes.updated, changes.removed) == (0, 1, 1)
    second = {d.id: d for d in store.documents(state=None)}
    assert second["a"] == first["a"]
    assert (second["b"].content_hash, second["b"].passages) == ("h2", 4)
    assert second["b"].first_seen == first["b"].first_seen and second["b"].updated_at > first["b"].updated_at
    assert second["c"].state == "removed" and second["c"].removed_at is not None and second["c"].language == "zh"
    assert [d.id for d in store.documents(state="removed")] == ["c"]
    assert store.sync_documents([entry("c", language="zh")]).updated == 1
    back = {d.id: d for d in store.documents()}
    assert list(back) == ["c"] and back["c"].removed_at is None and back["c"].first_seen == first["c"].first_seen
    assert store.documents(source="elsewhere") == []
