"""Hearing intents, moods and templates in a turn, with models learnt while the process runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant import heard
from assistant.conversation import Completed, WaitingForPerson
from assistant.errors import InvalidInput, Unavailable
from assistant.hand_over_rules import is_anger
from assistant.heard import Listener, open_intents, open_mood
from assistant.learned_models import fingerprint, heads_folder, serving_model
from assistant.mood import SENTIMENTS, SHIPPED, Mood, load_mood, made_for
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_intents import newest_model
from assistant.store_moods import moods_of
from assistant.store_templates import Wording, add_template, approve_template
from assistant.turn import Assistant
from tests.fakes import FakeEngine, fake_retriever
from tests.test_intents import WISHES
from tests.test_templates import Letters
from tests.test_turn import RETURNS
from training.intent_discovery import discover_intents
from training.intent_training import IntentImport, import_intents
from training.mood_sentences import mood_sentences
from training.mood_training import read_moods, train_mood


def silent(step: str, done: int, total: int | None) -> None:
    """Progress that nobody sees."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings.sqlalchemy_url)


def imported(settings: Settings, store: Store, extra: str = "") -> IntentImport:
    file = settings.home / "examples.jsonl"
    rows = [{"text": t + e, "intent": name} for name, texts in WISHES.items() for t in texts for e in ("", " thanks")]
    lines = [json.dumps(row) for row in [*rows, {"text": "tell me a joke", "intent": "oos"}]]
    file.write_text("\n".join(lines) + "\n" + extra)
    return import_intents(settings, store, Letters(), file, silent)  # type: ignore[arg-type]


def test_importing_examples_is_idempotent_and_incremental(settings: Settings, store: Store) -> None:
    first = imported(settings, store, '{"text": "no intent"}\n')
    assert (first.added, first.intents, first.out_of_scope, first.fitted) == (25, 3, 1, True)
    assert [f.place for f in first.failed] == ["line 26"]
    assert not imported(settings, store).fitted
    more = imported(settings, store, '{"text": "give back what i paid", "intent": "refund"}\n')
    assert (more.added, more.unchanged, more.fitted) == (1, 25, True)


def test_a_file_whose_labels_are_none_says_which_are(settings: Settings, store: Store) -> None:
    file = settings.home / "moods.jsonl"
    file.write_text('{"text": "hello", "label": "cheerful"}\n')
    with pytest.raises(InvalidInput, match="'cheerful' is not one of negative, neutral, positive"):
        train_mood(settings, store, Letters(), file, silent)  # type: ignore[arg-type]


def test_an_import_killed_while_tuning_serves_and_is_taken_up_again(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("training.intent_training.tune_intents", stopped)
        imported(settings, store)
    intents = open_intents(settings, store, Letters())  # type: ignore[arg-type]
    assert intents is not None and intents.readers is None
    assert imported(settings, store).fitted
    assert not imported(settings, store).fitted


def test_a_file_without_examples_is_refused(settings: Settings, store: Store) -> None:
    file = settings.home / "x.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInput, match="no example"):
        import_intents(settings, store, Letters(), file, silent)  # type: ignore[arg-type]


def test_a_changed_model_file_is_refused_but_replies_go_on(settings: Settings, store: Store) -> None:
    imported(settings, store)
    model = newest_model(store, "intents")
    assert model is not None
    (heads_folder(settings) / model.file).write_bytes(b"other")
    with pytest.raises(Unavailable, match="changed"):
        open_intents(settings, store, Letters())  # type: ignore[arg-type]
    listener = Listener(settings, store, Letters())  # type: ignore[arg-type]
    assert listener.hear("track my parcel", "en").intent is None


def test_a_running_listener_hears_what_was_imported_meanwhile(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard, "LOOK_SECONDS", 0.0)
    listener = Listener(settings, store, Letters())  # type: ignore[arg-type]
    assert listener.hear("track my parcel", "en").intent is None
    imported(settings, store)
    found = listener.hear("track my parcel", "en").intent
    assert found is not None and found.name == "delivery"


async def test_a_turn_serves_an_approved_template_and_notes_the_mood(settings: Settings, store: Store) -> None:
    train_mood(settings, store, Letters(), None, silent)  # type: ignore[arg-type]
    template = add_template(store, Wording(["is this ridiculous parcel ever coming"], "Sorry! It is late.", "en"))
    assert template is not None
    approve_template(store, template.id, "ann")
    listener = Listener(settings, store, Letters())  # type: ignore[arg-type]
    assistant = Assistant(store, fake_retriever([RETURNS]), FakeEngine([]), settings, listener=listener)
    conversation = store.create_conversation(channel="cli")
    events = [e async for e in assistant.reply(conversation.id, "is this ridiculous parcel ever coming")]
    done = next(e for e in events if isinstance(e, Completed))
    assert (done.reply.action, done.reply.text) == ("template", "Sorry! It is late.")
    asked = store.messages(conversation.id)[0].id
    assert moods_of(store, [asked])[asked].sentiment in SENTIMENTS
    assert assistant.stored_reply(store.messages(conversation.id)[1]).trace["template"] == template.id
    assert not any(isinstance(e, WaitingForPerson) for e in events)


def test_anger_needs_to_be_sure_and_to_have_a_reason(settings: Settings) -> None:
    from assistant.conversation import Reply

    angry = {"sentiment": "negative", "confidence": 0.95, "urgency": 0.1}
    reply = Reply("x", "answer", (), 0.9, None, "en", None, None, {}, {"mood": angry})
    assert not is_anger(reply, None, 0.8)
    assert is_anger(reply, Mood("negative", 0.9, 0.0), 0.8)
    assert is_anger(replace(reply, action="hand_over"), None, 0.8)
    assert not is_anger(replace(reply, action="hand_over"), None, 0)
    assert not is_anger(replace(reply, trace={"mood": None}), Mood("negative", 0.9, 0.0), 0.8)


def test_the_shipped_mood_heads_are_the_registered_file_and_know_their_own_sentences() -> None:
    assert heard.sha256(SHIPPED) == heard.SHIPPED_SHA256
    model = load_mood(SHIPPED)
    zh = [s for s in mood_sentences() if s.text[0] > "\u3400" and s.sentiment in ("negative", "positive")]
    right = [model.mood(np.zeros(384, np.float32), s.text) for s in zh]
    assert np.mean([m is not None and m.sentiment == s.sentiment for m, s in zip(right, zh, strict=True)]) > 0.9


def test_the_shipped_heads_serve_as_far_as_they_fit_the_embedders(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, second = made_for(SHIPPED).split("+")
    for mark, languages in ((f"{plain}+{second}", {"en", "zh"}), (plain, {"en"}), (f"other+{second}", None)):
        monkeypatch.setattr(heard, "fingerprint", lambda embedder, mark=mark: mark)
        model = open_mood(settings, store, Letters())  # type: ignore[arg-type]
        assert (None if model is None else set(model.sentiment)) == languages


def test_labels_of_moods_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("text,label\ngreat,positive\nhelp now,urgent\nhm,grumpy\n")
    found, failed = read_moods(file)
    assert [(f.sentiment, f.urgent) for f in found] == [("positive", None), (None, True)]
    assert "grumpy" in failed[0].reason


def test_a_model_of_another_embedder_does_not_serve(settings: Settings, store: Store) -> None:
    imported(settings, store)
    assert serving_model(settings, store, "intents", "another") is None
    assert serving_model(settings, store, "intents", fingerprint(Letters())) is not None  # type: ignore[arg-type]


def test_discovery_names_what_many_ask_for() -> None:
    texts = [f"{x} gift card balance" for x in ("my", "check the", "what is the", "see")] + ["zebra quartz", "jukebox"]
    found = discover_intents(texts, Letters().encode_queries(texts), None)
    assert [(c.name, c.messages) for c in found] == [("gift_card_balance", 4)]
