import json
from pathlib import Path
from typing import Any, cast

import pytest

from assistant.conversation import Reply
from assistant.errors import InvalidInput
from assistant.store import Store
from assistant.store_review import mark_reviewed
from retrieval.documents import Hit, Passage, SearchResult
from retrieval.search import Retriever
from training.judged_questions import evidence_of, from_file, from_store


class Finds:
    """Finds document d for everything."""

    def search_many(self, queries: Any, k: int, said: Any, alone: Any) -> list[SearchResult]:
        return [SearchResult(query, (Hit(Passage("d#0", "d", "", "kb", "text"), 1.0),), 0.6) for query in queries]


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_labelled_questions_are_right_when_a_document_of_theirs_is_found(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "cases.jsonl",
        {"query": "one", "documents": ["d"], "answerable": True},
        {"query": "two", "documents": ["other"]},
        {"query": "three", "answerable": False},
        {"messages": [{"role": "user", "content": "four"}], "answerable": True},
        {"query": "thanks!", "answerable": False},
    )
    assert evidence_of(cast(Retriever, Finds()), from_file(file)) == [
        (0.6, True),
        (0.6, False),
        (0.6, False),
        (0.6, True),
    ]


@pytest.mark.parametrize("row", ["{", "[]", '{"text": "x"}', '{"query": "x", "answerable": "yes"}'])
def test_a_bad_line_is_named(tmp_path: Path, row: str) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text('{"query": "x", "answerable": true}\n' + row, encoding="utf-8")
    with pytest.raises(InvalidInput, match="line 2"):
        from_file(file)


def answered(store: Store, text: str, action: Any = "answer") -> str:
    conversation = store.create_conversation(channel="web")
    message, _ = store.add_customer_message(conversation.id, text, None)
    reply = Reply("So.", action, (), 0.7, None, "en", None, None, {}, {"mood": None})
    return store.add_reply(conversation.id, message.id, reply).id


def test_thumbs_and_reviews_of_live_answers_tell_right_from_wrong(store: Store) -> None:
    liked, disliked, overruled, refused = (answered(store, text) for text in ("liked?", "bad?", "fixed?", "none?"))
    answered(store, "unjudged?")
    nothing = answered(store, "unknown?", "hand_over")
    store.rate(liked, 1)
    store.rate(disliked, -1)
    store.rate(overruled, 1)
    mark_reviewed(store, overruled, "corrected", "aoife")
    mark_reviewed(store, refused, "dismissed", "aoife")
    mark_reviewed(store, nothing, "approved", "aoife")
    found = {one.messages[-1].content: one.right for one in from_store(store)}
    assert found == {"liked?": True, "bad?": False, "fixed?": False, "unknown?": False}
