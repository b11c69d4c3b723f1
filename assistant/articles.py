"""Knowledge articles written at the desk: a question with its answer, kept as a file and ingested like any other.

Knows files and the index; nothing of who reviews what.
"""

from __future__ import annotations

import json
from pathlib import Path

from assistant.errors import InvalidInput
from assistant.knowledge import sync_catalogue
from assistant.settings import Settings
from retrieval.embed import Embedder
from retrieval.ingest import ingest

SOURCE = "desk"


def add_article(
    settings: Settings, embedder: Embedder, name: str, question: str, answer: str, language: str | None = None
) -> Path:
    """Write `articles/NAME.jsonl` in the home folder and publish it; the same name replaces the article.

    Raises InvalidInput when the index does not take it, and RetrievalError when there is no index to add it to.
    """
    row = {"id": f"article-{name}", "question": question, "answer": answer, "language": language}
    folder = settings.home / "articles"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.jsonl"
    file.write_text(json.dumps({k: v for k, v in row.items() if v}, ensure_ascii=False) + "\n", encoding="utf-8")
    report = ingest([file], SOURCE, embedder, settings.index_folder, lambda *_: None)
    if report.failed:
        file.unlink()
        raise InvalidInput(f"the article could not be added: {report.failed[0].error}")
    sync_catalogue(settings)
    return file
