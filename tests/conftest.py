"""Fixtures shared by all tests: databases to store in, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser
from sqlalchemy import URL, make_url

from assistant.settings import Settings, default_home, load_settings
from assistant.store import Store
from assistant.weights import ensure_models
from tests import postgres
from tests.browsing import chromium

if TYPE_CHECKING:
    from tests.widget_visits import Shop


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A PostgreSQL server where databases may be created: `ASSISTANT_TEST_POSTGRES_URL`, or one of our own."""
    if given := os.environ.get("ASSISTANT_TEST_POSTGRES_URL"):
        yield make_url(given)
    elif postgres.binaries() is None:
        pytest.skip("no PostgreSQL: install Debian's package postgresql or set ASSISTANT_TEST_POSTGRES_URL")
    else:
        with postgres.server() as url:
            yield url


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with postgres.database(postgres_server, f"test_{uuid.uuid4().hex}") as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'assistant.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once of each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, one for the tests of a file."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop's page with the widget, and the server on another origin."""
    from tests.widget_visits import shop_of

    with shop_of(tmp_path) as found:
        yield found


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store, once on each kind of database."""
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def chat(store: Store) -> str:
    """The id of an open conversation."""
    return store.create_conversation(channel="web").id


@pytest.fixture(scope="session")
def real_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home of its own with the default models, shared with the default home where it has them."""
    home = tmp_path_factory.mktemp("real")
    if (default_home() / "models").is_dir():
        (home / "models").symlink_to((default_home() / "models").resolve())
    ensure_models(load_settings(home))
    return load_settings(home, threads=1, context_tokens=512, engine_slots=4, engine_queue=8)
