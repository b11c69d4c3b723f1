"""Articles written at the desk are found by search at once, and a corrected one replaces the old."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.articles import add_article
from assistant.knowledge import ingest_documents
from assistant.settings import Settings
from assistant.store import Store
from assistant.wiring import build_retriever


@pytest.mark.integration
def test_an_article_is_found_and_replaced(real_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "faq.csv").write_text("question,answer\nHow long may I return?,Thirty days.\n")
    ingest_documents(real_settings, [tmp_path / "faq.csv"], "shop", prune=False, progress=lambda *_: None)
    retriever = build_retriever(real_settings)
    for answer in ("We do not sell gift cards.", "Gift cards cost 20 euro and are valid for two years."):
        add_article(real_settings, retriever.embedder, "m1", "Do you sell gift cards?", answer, "en")
    best = retriever.search("Can I buy a gift card?").hits[0].passage
    assert (best.document_id, best.text) == ("article-m1", "Gift cards cost 20 euro and are valid for two years.")
    store = Store(real_settings.sqlalchemy_url)
    assert "article-m1" in {document.id for document in store.documents()}
    store.close()
