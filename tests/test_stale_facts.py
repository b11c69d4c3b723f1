"""What replies said of documents that changed since is asked again, and the old answer is recognised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.conversation import Citation
from assistant.engines import ChatMessage
from assistant.file_hashes import silent
from assistant.knowledge import forget_documents, ingest_documents
from assistant.settings import Settings
from assistant.store import Store
from assistant.wiring import build_retriever
from retrieval.documents import Passage
from retrieval.search import Retriever
from tests.storing import REPLY
from tests.tuning_data import example
from training.stale_facts import StaleFact, find_stale, read_stale, save_stale

OLD = "Lamps can be returned within 30 days of delivery."
NEW = "Lamps can be returned within 14 days of delivery."
ASKED = "How long can I return a lamp?"


def fact(old: str = OLD, new: str = NEW) -> StaleFact:
    return StaleFact("m1", ASKED, "returns.md", old, (Passage("returns.md#0", "returns.md", "Returns", "t", new),))


@pytest.mark.parametrize("reply", ["You have 30 days.", "We take it back within thirty days, no questions asked."])
def test_the_old_figure_is_recognised_however_it_is_said(reply: str) -> None:
    assert fact().said_in(reply)


@pytest.mark.parametrize("reply", ["You have 14 days.", "I don't know that.", "Any time you like."])
def test_the_new_figure_or_none_is_not_the_old_one(reply: str) -> None:
    assert not fact().said_in(reply)


def test_a_sentence_without_figures_is_compared_as_a_whole() -> None:
    gone = fact("Engraved lamps are always returned free of charge.", "The customer pays for sending back any lamp.")
    assert gone.said_in("Engraved lamps are always returned free of charge.")
    assert not gone.said_in("The customer pays for sending back any lamp.")


def test_words_name_question_old_and_new_fact() -> None:
    assert fact().words == f"{ASKED!r}: still says {OLD!r} of returns.md, now: {NEW!r}"
    private = replace(fact(), question="I am rosa@example.org, how long can I return a lamp?")
    assert "rosa" not in private.words and "the question to m1" in private.words


def test_they_survive_their_file(tmp_path: Path) -> None:
    save_stale(tmp_path / "run", [fact()])
    assert read_stale(tmp_path / "run") == (fact(),)
    assert read_stale(tmp_path / "none") == ()


@pytest.fixture(scope="module")
def retriever(shop: Settings) -> Retriever:
    return build_retriever(shop)


@pytest.fixture(scope="module")
def shop(real_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home in which a reply cited 30 days, and the document says 14 days since."""
    home = tmp_path_factory.mktemp("shop")
    (home / "models").symlink_to(real_settings.home / "models")
    settings = real_settings.model_copy(update={"home": home})
    write(settings, f"# Returns\n\n{OLD} Send it to our workshop.\n")
    store = Store(settings.sqlalchemy_url)
    chat = store.create_conversation(channel="widget").id
    asked, _ = store.add_customer_message(chat, ASKED)
    quoted = Citation("returns.md", "returns.md#0", OLD)
    store.add_reply(chat, asked.id, replace(REPLY, text=OLD, citations=(quoted,)))
    store.close()
    write(settings, f"# Returns\n\n{NEW} Send it to our workshop.\n")
    yield settings


def write(settings: Settings, text: str) -> None:
    (settings.home / "kb").mkdir(exist_ok=True)
    (settings.home / "kb" / "returns.md").write_text(text, "utf-8")
    (settings.home / "kb" / "other.md").write_text("# Opening\n\nThe workshop opens at 9 on weekdays.\n", "utf-8")
    ingest_documents(settings, [settings.home / "kb"], "kb", prune=False, progress=silent)


@pytest.fixture
def store(shop: Settings) -> Iterator[Store]:
    opened = Store(shop.sqlalchemy_url)
    yield opened
    opened.close()


def test_a_cited_sentence_that_the_new_document_lacks_is_asked_again(shop: Settings, store: Store) -> None:
    (found,) = find_stale(shop, store, [], 10)
    assert (found.question, found.old, found.new) == (ASKED, OLD, NEW)
    assert find_stale(shop, store, [], 0) == []


def test_a_learnt_reply_with_the_old_figure_is_asked_again(shop: Settings, store: Store) -> None:
    passage = Passage("returns.md#0", "returns.md", "Returns", "kb", f"{NEW} Send it to our workshop.")
    asked = (ChatMessage("user", "Until when may lamps be returned?"),)
    wrong = replace(example(0), messages=asked, reply="Lamps can be returned within 60 days.", passages=(passage,))
    right = replace(wrong, id="right", reply="Lamps can be returned within 14 days of delivery.")
    other = replace(wrong, id="other", reply="Call us at 555 0100 in any case.")
    found = find_stale(shop, store, [wrong, right, other], 10)
    assert [one.old for one in found] == [OLD, "Lamps can be returned within 60 days."]


def test_a_removed_document_has_nothing_new_to_say(shop: Settings) -> None:
    forget_documents(shop, ["returns.md"])
    opened = Store(shop.sqlalchemy_url)
    (found,) = find_stale(shop, opened, [], 10)
    opened.close()
    assert found.new == "" and "which was removed" in found.words and found.said_in("You have 30 days.")
