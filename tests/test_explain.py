"""A stored reply is explained from its trace, the passages it saw and the data its adapter learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from assistant.conversation import Citation
from assistant.errors import InvalidInput, NotFound
from assistant.settings import Settings
from assistant.store import Store
from retrieval.documents import Passage
from retrieval.embed import Embedder
from tests.fakes import FakeEmbedder
from tests.storing import REPLY, ask
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, examples, settings_for
from training.dataset_version import remove_version, versions
from training.explain import Explanation, explain
from training.tuning import tune

EMBEDDER = cast(Embedder, FakeEmbedder())
PASSAGE = Passage("returns.md#0", "returns.md", "Returns", "shop", "Every parcel may be returned within 30 days.")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str]:
    settings = settings_for(tiny_llama(tmp_path_factory.mktemp("tiny")), tmp_path_factory.mktemp("home"))
    made = tune(settings, replace(QUICK, epochs=0.25), examples())
    assert made is not None
    return settings, made.id


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'assistant.db'}")
    yield opened
    opened.close()


def passage_of(passage_id: str) -> Passage | None:
    return PASSAGE if passage_id == PASSAGE.id else None


def stored(store: Store, consulted: str | None, text: str = "Every parcel may be returned within 30 days.") -> str:
    """A reply in a conversation of its own."""
    chat = store.create_conversation(channel="web").id
    hits = [{"passage_id": "returns.md#0", "score": 0.7}, {"passage_id": "old.md#3", "score": 0.2}]
    trace = REPLY.trace | {"hits": hits, "consulted": consulted, "written_by": "model", "unsupported": "It is free."}
    cited = (Citation("returns.md", "returns.md#0", "within 30 days"),)
    reply = replace(REPLY, text=text, trace=trace, citations=cited)
    return store.add_reply(chat, ask(store, chat, "Where is my parcel?").id, reply).id


def explained(store: Store, tuned: tuple[Settings, str], message_id: str) -> Explanation:
    return explain(store, tuned[0], passage_of, EMBEDDER, message_id)


def test_it_tells_question_decision_passages_versions_and_what_was_held_back(
    store: Store, tuned: tuple[Settings, str]
) -> None:
    found = explained(store, tuned, stored(store, tuned[1]))
    assert (found.asked, found.question) == ("Where is my parcel?", "How long may I return?")
    assert found.decision["action"] == "answer" and found.decision["reason"] == "evidence"
    assert found.decision["intent"] == {"name": "return", "score": 0.8}
    seen, gone = found.passages
    assert (seen.text, seen.score, seen.quotes) == (PASSAGE.text, 0.7, ("within 30 days",))
    assert (gone.passage_id, gone.text, gone.quotes) == ("old.md#3", None, ())
    assert found.versions == {"model": "tiny", "adapter": "lora-1", "prompt_version": "1", "index_version": "v3"}
    assert found.unsupported_sentence == "It is free." and found.unsupported_share == 0.0
    assert found.to_dict()["passages"][0]["document_id"] == "returns.md"


def test_the_share_of_unsupported_sentences_is_counted(store: Store, tuned: tuple[Settings, str]) -> None:
    text = "Every parcel may be returned within 30 days. Every parcel travels with a brown pony."
    assert explained(store, tuned, stored(store, None, text)).unsupported_share == 0.5


def test_the_nearest_training_examples_of_the_adapter_are_named(store: Store, tuned: tuple[Settings, str]) -> None:
    found = explained(store, tuned, stored(store, tuned[1]))
    assert found.nearest_missing is None and len(found.nearest) == 5
    assert found.nearest == tuple(sorted(found.nearest, key=lambda near: -near.similarity))
    assert all(near.conversation_id.startswith("train-") for near in found.nearest)


def test_what_is_not_there_is_said(store: Store, tuned: tuple[Settings, str]) -> None:
    settings, adapter = tuned
    for consulted, words in ((None, "no model"), ("base", "untuned"), ("20200101-000000-abcdef", "was removed")):
        found = explained(store, tuned, stored(store, consulted))
        assert found.nearest == () and words in str(found.nearest_missing)
    for version in versions(settings.datasets_folder):
        remove_version(settings.datasets_folder, version.id)
    assert "was erased" in str(explained(store, tuned, stored(store, adapter)).nearest_missing)


def test_only_replies_of_the_assistant_are_explained(store: Store, tuned: tuple[Settings, str]) -> None:
    reply = stored(store, None)
    asked = store.message(reply).in_reply_to
    assert asked is not None
    with pytest.raises(InvalidInput, match=f"customer.*its reply is '{reply}'"):
        explained(store, tuned, asked)
    with pytest.raises(NotFound):
        explained(store, tuned, "nothing")
