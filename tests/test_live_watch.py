"""A promotion that live customers suffer from is rolled back, with the reason; noise and small samples are not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.settings import Settings, load_settings
from assistant.store import Store
from assistant.store_adapters import add_adapter, begin_trial, changes, promote, read_register
from assistant.store_live import LiveSignals
from tests.storing import REPLY, ask
from training.live_watch import chance_of_rise, compare, look_after
from training.registry import Registry


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path, watch_minimum=20)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings.sqlalchemy_url)
    for id in ("old", "new"):
        add_adapter(opened, id, id, None)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are tested elsewhere; here there are none."""
    monkeypatch.setattr("training.registry.verified", lambda settings, entry: None)


def serve(store: Store, adapter: str, turns: int, unsupported: int = 0, bad: int = 0, handed: int = 0) -> None:
    """As many conversations of one turn, the first ones of which went badly in each way."""
    for number in range(turns):
        chat = store.create_conversation(channel="web").id
        details = REPLY.trace | {"consulted": adapter, "unsupported": "x" if number < unsupported else None}
        reply = store.add_reply(chat, ask(store, chat).id, replace(REPLY, trace=details))
        store.rate(reply.id, -1 if number < bad else 1)
        if number < handed:
            store.request_person(chat, "asked_for_person")


@pytest.mark.parametrize("signal", ["unsupported", "bad", "handed"])
def test_each_signal_alone_brings_the_old_adapter_back(settings: Settings, store: Store, signal: str) -> None:
    promote(store, "old", "first")
    serve(store, "old", 40, unsupported=1, bad=1, handed=1)
    promote(store, "new", "gate passed")
    serve(store, "new", 25, **{signal: 20})
    (watched,) = look_after(settings, store)
    assert watched.acted == "rolled back to old" and read_register(store).serving == "old"
    move = changes(store, 1)[0]
    assert move.action == "rolled_back" and move.reason.startswith("automatic: ") and "p = " in move.reason
    assert "of 20" in move.reason and "1 of 40 (2.5%) before" in move.reason
    assert look_after(settings, store) == []  # a rollback is not watched


def test_an_equal_adapter_and_one_with_few_turns_stay(settings: Settings, store: Store) -> None:
    serve(store, "base", 40, unsupported=4, bad=4, handed=4)
    promote(store, "new", "gate passed")
    serve(store, "new", 19, unsupported=19, bad=19, handed=19)
    (watched,) = look_after(settings, store)
    assert watched.signals == () and read_register(store).serving == "new"
    promote(store, "old", "another")
    serve(store, "old", 40, unsupported=5, bad=5, handed=5)
    (watched,) = look_after(settings, store)
    assert watched.acted is None and read_register(store).serving == "old"


def test_switched_off_it_only_tells(settings: Settings, store: Store) -> None:
    serve(store, "base", 40)
    promote(store, "new", "gate passed")
    serve(store, "new", 20, bad=20)
    (watched,) = look_after(settings.model_copy(update={"auto_rollback": False}), store)
    assert "replies rated bad: 20 of 20" in watched.reason and watched.acted is None
    assert read_register(store).serving == "new"


def test_an_old_promotion_is_left_alone(settings: Settings, store: Store) -> None:
    serve(store, "base", 40)
    promote(store, "new", "gate passed")
    serve(store, "new", 20, bad=20)
    assert look_after(settings.model_copy(update={"watch_hours": 1e-9}), store) == []


def test_a_canary_that_fares_worse_than_what_serves_is_ended(settings: Settings, store: Store) -> None:
    promote(store, "old", "first")
    begin_trial(store, "new", "canary", 0.3)
    serve(store, "old", 40)
    serve(store, "new", 20, handed=20)
    watched = {found.adapter: found for found in look_after(settings, store)}
    assert watched["new"].acted == "the trial was ended" and read_register(store).trial is None
    assert read_register(store).serving == "old"


def test_a_change_meanwhile_is_respected(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(store, "base", 40)
    promote(store, "new", "gate passed")
    serve(store, "new", 20, bad=20)
    real = Registry.rollback

    def late(self: Registry, to: str | None = None, reason: str = "", seen: int | None = None) -> str | None:
        promote(store, "old", "a person was quicker")
        return real(self, to, reason, seen)

    monkeypatch.setattr(Registry, "rollback", late)
    (watched,) = look_after(settings, store)
    assert watched.acted is None and read_register(store).serving == "old"


def test_fishers_test_agrees_with_known_values() -> None:
    assert chance_of_rise(1, 10, 5, 10) == pytest.approx(0.0704, abs=1e-3)
    assert chance_of_rise(0, 50, 10, 50) == pytest.approx(0.000593, abs=1e-5)
    assert chance_of_rise(10, 50, 10, 50) > 0.5
    assert chance_of_rise(0, 20, 0, 20) == pytest.approx(1.0)


def test_looking_often_does_not_raise_false_alarms() -> None:
    rng = random.Random(5)
    alarms = 0
    for _ in range(300):
        before = tuple(rng.random() < 0.2 for _ in range(300))
        stream = tuple(rng.random() < 0.2 for _ in range(400))
        looks = (
            compare(LiveSignals((), (), before), LiveSignals((), (), stream[:n]), 50, 0.15) for n in range(50, 400, 5)
        )
        alarms += any(signal.worse for look in looks for signal in look)
    assert alarms / 300 < 0.05  # a third of what all three signals together may use
