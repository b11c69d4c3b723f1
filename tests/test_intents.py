"""Classifying intents with a small fitted model, saved and loaded."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from assistant.intent_scope import Acceptor
from assistant.intents import IntentModel, load_intents
from assistant.settings import Settings
from training import intent_tuning
from training.intent_acceptance import learn_acceptance
from training.intent_fit import Fit, fit_intents
from training.intent_rounds import HeldOut, Taught, fit_heads, rehearsal_round
from training.intent_training import spoken
from training.intent_tuning import tune_intents
from training.text_fit import Examples

WISHES = {
    "refund": ("i want my money back", "please refund my order", "can i get a refund", "refund the payment please"),
    "delivery": ("where is my parcel", "when will my order arrive", "track my delivery", "has my parcel been sent"),
    "hours": ("when are you open", "what are your opening hours", "are you open on sunday", "when do you close"),
}
BACKGROUND = ("tell me a joke", "who won the match", "how tall is the tower", "write a poem")


def bag(texts: tuple[str, ...] | list[str]) -> np.ndarray:
    """Unit vectors by hashed letter pairs: enough meaning for a test, no model."""
    rows = np.zeros((len(texts), 64), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for a, b in pairwise(text):
            row[(ord(a) * 7 + ord(b)) % 64] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def fit() -> Fit:
    """Three intents of twelve examples."""
    texts = [text + extra for wish in WISHES.values() for text in wish for extra in ("", " thanks", " today")]
    labels = np.repeat(np.arange(3), 12)
    examples = Examples(tuple(texts), bag(texts), labels)
    titles = Examples(tuple(WISHES), bag(tuple(WISHES)), np.arange(3))
    background = Examples(BACKGROUND, bag(BACKGROUND), np.full(len(BACKGROUND), -1))
    return fit_intents(Taught(tuple(WISHES), titles, examples, background), lambda step, done, total: None)


def classified(model: IntentModel, *texts: str) -> list[str | None]:
    """Names only."""
    return [intent and intent.name for intent in model.classify(bag(texts), texts)]


def test_messages_like_the_examples_get_their_intent(fit: Fit) -> None:
    assert classified(fit.model, "refund my payment", "track my parcel", "are you open on sunday please") == list(
        WISHES
    )


def test_other_messages_are_out_of_scope(fit: Fit) -> None:
    assert classified(fit.model, "xylophone quartz zebra jukebox") == [None]


def test_cross_validation_reports_shares(fit: Fit) -> None:
    found = fit.acceptance
    assert 0.5 < found.accuracy <= 1
    assert 0 <= found.kept <= found.accuracy
    assert 0 <= found.refused <= 1
    assert found.told()["threshold"] == round(fit.model.acceptor.threshold, 4)
    assert len(fit.pairs) == 36


@pytest.mark.parametrize(("examples", "most_lost"), [(100, 0.05), (600, 0.025), (100_000, 0.005)])
def test_the_more_examples_the_fewer_right_ones_are_refused(examples: int, most_lost: float) -> None:
    """Signals that hardly tell: refusing freely would cost many of the right ones."""
    random = np.random.default_rng(1)
    right = np.arange(2000) < 1000
    signals = (random.normal(size=2000) + right)[:, None]
    weight = np.stack([right / 1000, ~right / 1000], axis=1)
    found = learn_acceptance(HeldOut(signals, right, weight, ()), examples)
    assert 1 - found.kept == pytest.approx(most_lost, abs=0.002)
    assert found.accuracy == 1


def test_a_saved_model_says_the_same(fit: Fit, tmp_path: Path) -> None:
    fit.model.save(tmp_path / "intents.safetensors", "bag")
    loaded = load_intents(tmp_path / "intents.safetensors")
    texts = [text for wish in WISHES.values() for text in wish]
    before, after = fit.model.classify(bag(texts), texts), loaded.classify(bag(texts), texts)
    assert [i and i.name for i in before] == [i and i.name for i in after]
    assert loaded.names == tuple(WISHES)


def test_no_texts_no_intents(fit: Fit) -> None:
    assert fit.model.classify(np.empty((0, 64), np.float32), []) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("card_arrival", "card arrival"),
        ("cardArrival", "card arrival"),
        ("100_NIGHT-trial", "100 night trial"),
        ("退货", "退货"),
        ("???", "???"),
    ],
)
def test_a_name_is_learnt_from_as_words(name: str, words: str) -> None:
    assert spoken(name) == words


def test_names_are_learnt_from_and_never_asked(fit: Fit) -> None:
    assert len(fit.model.heads.examples) == 36 + len(WISHES)
    assert len(fit.pairs) <= 36


def skewed(counts: tuple[int, ...]) -> Taught:
    """So many examples of each intent."""
    labels = np.repeat(np.arange(len(counts)), counts)
    texts = tuple(f"wish {chr(97 + label) * 4} number {at}" for at, label in enumerate(labels))
    names = tuple(f"intent {n}" for n in range(len(counts)))
    background = Examples(BACKGROUND, bag(BACKGROUND), np.full(len(BACKGROUND), -1))
    return Taught(
        names, Examples(names, bag(names), np.arange(len(counts))), Examples(texts, bag(texts), labels), background
    )


def test_a_rehearsal_never_loses_a_rare_intent() -> None:
    random = np.random.default_rng(3)
    taught = skewed((40, 2))
    for _ in range(20):
        found = rehearsal_round(taught, random)
        assert len(found.names) == 2 and (found.kind == 0).sum() >= 12


def test_nothing_is_tuned_where_too_few_messages_are_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intent_tuning, "FEWEST_WEIGHED", 200)
    taught = skewed((100, 60))
    settings = Settings(home=tmp_path)
    assert tune_intents(settings, untrained(taught), taught, lambda step, done, total: None) is None


def untrained(taught: Taught) -> IntentModel:
    heads = fit_heads(taught.examples)
    return IntentModel(taught.names, heads, Acceptor(np.zeros(8, np.float32), np.zeros(8, np.float32), 0.0, 0.0))
