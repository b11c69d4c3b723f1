"""Real changes are found with their figures; noise and small samples are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from assistant.store import Store
from assistant.store_windows import NO_INTENT, Window, approved_since, window
from assistant.tables import now
from tests.storing import REPLY, ask
from training.drift import drifts


def made(seed: int, count: int = 400) -> Window:
    dice = np.random.default_rng(seed)
    intents = dice.choice(["order", "refund", "return", "rare"], count, p=[0.5, 0.3, 0.195, 0.005])
    return Window(
        languages={"en": count - 20, "zh": 20},
        intents={name: int((intents == name).sum()) for name in sorted(set(intents))},
        evidence=tuple(dice.beta(4, 2, count)),
        good=90,
        bad=10,
        conversations=200,
        handed_over=20,
    )


def test_two_samples_of_the_same_do_not_drift() -> None:
    assert [drifts(made(seed), made(seed + 100)) for seed in range(20)] == [[]] * 20


def test_each_kind_of_change_is_found_in_words_and_figures() -> None:
    before = made(1)
    after = replace(
        made(2),
        languages={"en": 250, "zh": 150},
        intents={"order": 100, "refund": 280, "return": 20},
        evidence=tuple(np.random.default_rng(3).beta(2, 4, 400)),
        good=60,
        bad=40,
        handed_over=80,
    )
    found = {drift.name: drift.words for drift in drifts(before, after)}
    assert set(found) == {"languages", "intents", "evidence", "bad ratings", "hand-overs"}
    assert "'refund'" in found["intents"] and "-> 70%" in found["intents"]
    assert found["hand-overs"].endswith("10% -> 40%")
    assert "10% -> 40%" in found["bad ratings"]


def test_a_small_sample_or_a_small_change_is_no_drift() -> None:
    few = Window({"zh": 30}, {"x": 30}, (0.1,) * 30, 0, 30, 30, 30)
    assert drifts(made(1), few) == []
    many = replace(made(1), languages={"en": 95_000, "zh": 5_000})
    assert drifts(many, replace(many, languages={"en": 94_000, "zh": 6_000})) == []


def test_a_window_counts_live_turns_of_its_span(store: Store, chat: str) -> None:
    reply = store.add_reply(chat, ask(store, chat).id, REPLY)
    store.rate(reply.id, -1)
    store.request_person(chat, "asked")
    later = now() + timedelta(seconds=1)
    found = window(store, None, later)
    assert (found.languages, found.intents, found.evidence) == ({"en": 1}, {"return": 1}, (0.9,))
    assert (found.good, found.bad, found.conversations, found.handed_over) == (0, 1, 1, 1)
    assert window(store, later, later + timedelta(hours=1)) == Window({}, {}, (), 0, 0, 0, 0)
    assert approved_since(store, None) == 0
    assert NO_INTENT not in found.intents
