"""A serving process follows the pointer: within a poll, without a restart, and never to a damaged adapter."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from assistant.engines import Adapter
from assistant.errors import Unavailable
from assistant.settings import Settings
from assistant.store import Store
from assistant.turn import Assistant
from tests.fakes import FakeEngine, fake_retriever
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, examples, settings_for
from tests.web import QUESTION, RETURNS, EndlessEngine, Site, Talk, eventually, serving
from training.registry import Registry
from training.tuning import tune
from ui.following import Follower
from ui.server import create_app
from ui.trials import Trials


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """A model, a home with two adapters, and their ids."""
    model, home = tiny_llama(tmp_path_factory.mktemp("tiny")), tmp_path_factory.mktemp("home")
    made = [tune(settings_for(model, home), replace(QUICK, epochs=0.25), examples(count)) for count in (8, 12)]
    return model, home, [one.id for one in made if one]


@pytest.fixture
def settings(shelf: tuple[Path, Path, list[str]], tmp_path: Path) -> Settings:
    shutil.copytree(shelf[1], tmp_path / "home")
    return settings_for(shelf[0], tmp_path / "home").model_copy(update={"adapter_poll_seconds": 0.1})


@pytest.fixture
def ids(shelf: tuple[Path, Path, list[str]]) -> list[str]:
    return shelf[2]


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings.sqlalchemy_url)
    yield opened
    opened.close()


class Candidates:
    """Opens engines for trials and remembers them."""

    def __init__(self) -> None:
        self.opened: list[FakeEngine] = []

    def __call__(self, settings: Settings) -> FakeEngine:
        self.opened.append(EndlessEngine("You can return any item within 30 days, says the candidate."))
        return self.opened[-1]


def follower(settings: Settings, store: Store, engine: FakeEngine) -> Follower:
    return Follower(settings, store, engine, Trials(), Candidates())


async def test_the_first_look_takes_over_what_was_promoted(settings: Settings, store: Store, ids: list[str]) -> None:
    engine = FakeEngine([])
    following = follower(settings, store, engine)
    await following.look()
    assert following.serving is None and following.swaps == 0
    Registry(settings).promote(ids[0])
    await following.look()
    assert engine.adapter == following.serving == ids[0] and following.refused is None
    Registry(settings).rollback()
    await following.look()
    assert engine.adapter is None and following.swaps == 2


async def test_a_damaged_adapter_is_refused_and_the_old_one_goes_on(
    settings: Settings, store: Store, ids: list[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, engine = Registry(settings), FakeEngine([])
    following = follower(settings, store, engine)
    registry.promote(ids[0])
    await following.look()
    registry.promote(ids[1])
    readme = settings.adapters_folder / ids[1] / "README.md"
    card = readme.read_text("utf-8")
    readme.write_text("changed on disk", "utf-8")
    await following.look()
    assert engine.adapter == ids[0] and "was changed" in str(following.refused)
    assert f"adapter {ids[1]} is refused, {ids[0]} goes on" in caplog.text
    readme.write_text(card, "utf-8")
    await following.look()  # too soon to try again
    assert engine.adapter == ids[0]
    monkeypatch.setattr("ui.following.RETRY_SECONDS", 0.0)
    following._retry_at = 0.0
    await following.look()
    assert engine.adapter == ids[1] and following.refused is None


async def test_an_engine_that_cannot_load_it_keeps_the_old_one(
    settings: Settings, store: Store, ids: list[str]
) -> None:
    class Stubborn(FakeEngine):
        async def use_adapter(self, adapter: Adapter | None) -> None:
            raise Unavailable("no memory left")

    following = follower(settings, store, Stubborn([]))
    Registry(settings).promote(ids[0])
    await following.look()
    assert following.serving is None and following.refused == "no memory left"


async def test_looking_goes_on_when_the_database_was_away(
    settings: Settings, store: Store, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine([])
    following = follower(settings, store, engine)
    away = True

    def version(_: Store) -> int:
        if away:
            raise Unavailable("the database is away")
        return 1

    monkeypatch.setattr("ui.following.pointer_version", version)
    task = asyncio.create_task(following.run())
    await asyncio.sleep(0.3)
    assert engine.adapter is None and not task.done()
    Registry(settings).promote(ids[0])
    away = False
    async with asyncio.timeout(5):
        while engine.adapter != ids[0]:
            await asyncio.sleep(0.02)
    task.cancel()


async def test_a_trial_opens_an_engine_of_its_own_and_ends_with_it(
    settings: Settings, store: Store, ids: list[str]
) -> None:
    candidates, trials = Candidates(), Trials()
    following = Follower(settings, store, FakeEngine([]), trials, candidates)
    Registry(settings).begin_trial(ids[0], "canary", 1.0)
    await following.look()
    assert trials.candidate and trials.candidate.engine.adapter == ids[0] and following.serving is None
    Registry(settings).promote(ids[0])
    await following.look()
    assert trials.candidate is None and following.serving == ids[0] and len(candidates.opened) == 1
    await following.close()


async def test_a_trial_that_cannot_run_is_said(settings: Settings, store: Store, ids: list[str]) -> None:
    trials = Trials()
    following = Follower(settings, store, FakeEngine([]), trials, Candidates())
    Registry(settings).begin_trial(ids[0], "shadow", 1.0)
    (settings.adapters_folder / ids[0] / "README.md").write_text("changed", "utf-8")
    await following.look()
    assert trials.candidate is None and "was changed" in str(following.trial_refused)


@pytest.fixture
def shop(settings: Settings, store: Store) -> Iterator[Site]:
    """The whole application over the home with adapters."""
    engine = EndlessEngine()
    assistant = Assistant(store, fake_retriever([RETURNS]), engine, settings)
    with serving(lambda: create_app(assistant)) as (url, app), httpx.Client(base_url=url, timeout=20) as client:
        yield Site(url, app, store, engine, client)


def adapter_of(talk: Talk) -> str | None:
    found: str | None = dict(talk.say(QUESTION))["completed"]["adapter"]
    return found


def test_a_running_server_swaps_within_seconds_and_says_so(shop: Site, settings: Settings, ids: list[str]) -> None:
    assert adapter_of(shop.begin()) is None
    started = time.monotonic()
    Registry(settings).promote(ids[0])
    eventually(lambda: adapter_of(shop.begin()) == ids[0], 5)
    assert time.monotonic() - started < 5
    assert shop.client.get("/readyz").json()["adapter"] == {"serving": ids[0], "refused": None}
    metrics = shop.client.get("/metrics").text
    assert f'assistant_adapter_info{{adapter="{ids[0]}"}} 1.0' in metrics and "assistant_adapter_refused 0.0" in metrics
    (settings.adapters_folder / ids[1] / "README.md").write_text("changed", "utf-8")
    with Store(settings.sqlalchemy_url).writing() as session:  # as if it broke after its promotion
        session.connection().exec_driver_sql(f"UPDATE serving SET adapter_id = '{ids[1]}', version = version + 1")
    eventually(lambda: bool(shop.client.get("/readyz").json()["adapter"]["refused"]), 5)
    assert adapter_of(shop.begin()) == ids[0]
    assert "assistant_adapter_refused 1.0" in shop.client.get("/metrics").text


async def test_the_process_judges_what_serves_now_and_then(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Store] = []

    def look(_: Settings, looked_at: Store) -> list[object]:
        looks.append(looked_at)
        if len(looks) == 1:
            raise Unavailable("the database is away")
        return []

    monkeypatch.setattr("ui.following.GUARD_SECONDS", 0.01)
    monkeypatch.setattr("ui.following.look_after", look)
    task = asyncio.create_task(follower(settings, store, FakeEngine([])).guard())
    async with asyncio.timeout(5):
        while len(looks) < 2:
            await asyncio.sleep(0.01)
    assert looks[0] is store
    task.cancel()
