"""Adapters on the shelf: one pointer, changed in one step, and only to what verifies."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.adapters import serving_adapter, verified_adapter
from assistant.errors import Conflict, InvalidInput, NotFound
from assistant.settings import Settings
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, examples, settings_for
from training.registry import Registry
from training.tuning import tune


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """A model, a home with two adapters, and their ids."""
    model, home = tiny_llama(tmp_path_factory.mktemp("tiny")), tmp_path_factory.mktemp("home")
    settings = settings_for(model, home)
    made = [tune(settings, replace(QUICK, epochs=0.25), examples(count)) for count in (8, 12)]
    return model, home, [one.id for one in made if one]


@pytest.fixture
def settings(shelf: tuple[Path, Path, list[str]], tmp_path: Path) -> Settings:
    shutil.copytree(shelf[1], tmp_path / "home")
    return settings_for(shelf[0], tmp_path / "home")


@pytest.fixture
def ids(shelf: tuple[Path, Path, list[str]]) -> list[str]:
    return shelf[2]


def test_promotion_and_rollback_walk_back_to_the_base(settings: Settings, ids: list[str]) -> None:
    registry = Registry(settings)
    for adapter_id in (ids[0], ids[0], ids[1], ids[0]):
        registry.promote(adapter_id)
    assert registry.list().earlier == (None, ids[0], ids[1])
    assert [registry.rollback() for _ in range(3)] == [ids[1], ids[0], None]
    assert serving_adapter(settings) is None
    with pytest.raises(Conflict, match="nothing to roll back to"):
        registry.rollback()


def test_the_serving_adapter_is_verified_when_it_is_read(settings: Settings, ids: list[str]) -> None:
    Registry(settings).promote(ids[0])
    serving = serving_adapter(settings)
    assert serving is not None and serving.id == ids[0]
    (serving.folder / "README.md").write_text("changed", "utf-8")
    with pytest.raises(InvalidInput, match="was changed"):
        serving_adapter(settings)


def test_a_broken_adapter_is_neither_promoted_nor_rolled_back_to(settings: Settings, ids: list[str]) -> None:
    registry = Registry(settings)
    registry.promote(ids[0])
    registry.promote(ids[1])
    (settings.adapters_folder / ids[0] / "extra.pkl").write_bytes(b"x")
    with pytest.raises(InvalidInput, match="pickles"):
        registry.rollback()
    with pytest.raises(InvalidInput, match="pickles"):
        registry.promote(ids[0])
    assert registry.list().serving == ids[1]


def test_the_serving_adapter_is_not_removed_and_others_are(settings: Settings, ids: list[str]) -> None:
    registry = Registry(settings)
    registry.promote(ids[0])
    registry.promote(ids[1])
    with pytest.raises(Conflict, match="serves"):
        registry.remove(ids[1])
    registry.remove(ids[0])
    assert not (settings.adapters_folder / ids[0]).exists()
    assert list(registry.list().adapters) == [ids[1]]
    assert registry.rollback() is None


def test_unknown_ids_are_named(settings: Settings) -> None:
    registry = Registry(settings)
    for use in (registry.promote, registry.remove, registry.manifest):
        with pytest.raises(NotFound, match="'nobody'"):
            use("nobody")
    with pytest.raises(NotFound, match="'nobody'"):
        verified_adapter(settings, "nobody")


def test_another_prompt_version_stops_serving(
    settings: Settings, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Registry(settings).promote(ids[0])
    monkeypatch.setattr("assistant.adapter_folder.PROMPT_VERSION", "99")
    with pytest.raises(InvalidInput, match="renders version '99'"):
        serving_adapter(settings)


def test_an_adapter_of_another_base_is_refused(settings: Settings, ids: list[str], tmp_path: Path) -> None:
    other = settings_for(tiny_llama(tmp_path / "other", seed=9), settings.home)
    with pytest.raises(InvalidInput, match="trained for the base model"):
        verified_adapter(other, ids[0])


def test_a_rollback_names_any_adapter_that_served_earlier(settings: Settings, ids: list[str]) -> None:
    registry = Registry(settings)
    for adapter_id in (ids[0], ids[1]):
        registry.promote(adapter_id, "gate passed")
    with pytest.raises(Conflict, match="did not serve before"):
        registry.rollback(to=ids[1])
    assert registry.rollback(to="base", reason="worse answers") is None
    assert registry.list().earlier == ()
    told = [(change.action, change.adapter, change.previous, change.reason) for change in registry.history()]
    assert told == [
        ("rolled_back", None, ids[1], "worse answers"),
        ("promoted", ids[1], ids[0], "gate passed"),
        ("promoted", ids[0], None, "gate passed"),
    ]
    with pytest.raises(Conflict, match="nothing to roll back to"):
        registry.rollback(to="base")


def test_a_blocked_adapter_is_neither_promoted_nor_tried_nor_rolled_back_to(settings: Settings, ids: list[str]) -> None:
    registry = Registry(settings)
    registry.promote(ids[0])
    registry.promote(ids[1])
    registry.begin_trial(ids[0], "canary", 0.5)
    registry.block([ids[0]], "it learnt from an erased customer")
    assert registry.list().trial is None
    for use in (
        lambda: registry.promote(ids[0]),
        lambda: registry.begin_trial(ids[0], "shadow", 0.1),
        lambda: registry.rollback(to=ids[0]),
    ):
        with pytest.raises(Conflict, match="blocked: it learnt from an erased customer"):
            use()
    assert registry.rollback() is None  # passes over the blocked one
    registry.unblock(ids[0])
    registry.promote(ids[0])
    assert registry.list().serving == ids[0]


def test_a_decision_on_an_outdated_register_moves_nothing(settings: Settings, ids: list[str]) -> None:
    registry = Registry(settings)
    registry.promote(ids[0])
    seen = registry.list().version
    registry.promote(ids[1])
    with pytest.raises(Conflict, match="changed meanwhile"):
        registry.rollback(seen=seen)
    assert registry.list().serving == ids[1]
