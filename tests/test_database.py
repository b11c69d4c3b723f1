"""Databases: durable on every connection, private, refused when they could lose data, failing with clear errors."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from assistant import database
from assistant.errors import AssistantError, InvalidInput, Overloaded, Unavailable
from assistant.store import Store
from tests import postgres
from tests.storing import ask


def test_every_pooled_sqlite_connection_is_durable(sqlite_url: str) -> None:
    engine = database.open_engine(database.parse_url(sqlite_url))
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 10_000}
    connections = [engine.connect() for _ in range(2 * database.POOL_SIZE)]
    for connection in connections:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in expected}
        assert found == expected
        connection.close()
    engine.dispose()


def test_the_sqlite_file_is_private(sqlite_url: str, tmp_path: Path) -> None:
    store = Store(sqlite_url)
    ask(store, store.create_conversation(channel="web").id)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    store.close()
    assert modes == {"assistant.db": 0o600, "assistant.db-wal": 0o600, "assistant.db-shm": 0o600}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("mysql://u:hunter2@h/d", "mysql"),
        ("hunter2 is no url", "cannot be read"),
    ],
)
def test_unsupported_urls_are_refused(url: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as caught:
        Store(url)
    assert "hunter2" not in whole_story(caught.value)


def whole_story(error: BaseException | None) -> str:
    """Every text that a log of this error and its causes would show."""
    story = ""
    while error is not None:
        story += f"{error} {error!r}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return story


def test_an_unreachable_server_is_named_without_its_password() -> None:
    with pytest.raises(Unavailable, match=r"'shop' at 127\.0\.0\.1:1") as caught:
        Store("postgresql://anna:hunter2@127.0.0.1:1/shop")
    assert "hunter2" not in whole_story(caught.value)


def test_a_folder_or_damaged_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot open"):
        Store(f"sqlite:///{tmp_path}")
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database at all" * 1000)
    with pytest.raises(Unavailable, match=r"damaged\.db"):
        Store(f"sqlite:///{damaged}")


def test_errors_do_not_show_what_customers_wrote(sqlite_url: str, tmp_path: Path) -> None:
    store = Store(sqlite_url)
    chat = store.create_conversation(channel="web").id
    with sqlite3.connect(tmp_path / "assistant.db") as connection:
        connection.execute("DROP TABLE messages")
    connection.close()
    with pytest.raises(Unavailable) as caught:
        ask(store, chat, "my card is 4111 1111 1111 1111")
    store.close()
    assert "4111" not in whole_story(caught.value)


def test_a_locked_file_is_an_overload(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    store = Store(sqlite_url)
    blocker = sqlite3.connect(tmp_path / "assistant.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(Overloaded, match="locked"):
        store.create_conversation(channel="web")
    assert store.find_conversations() == []  # reading goes on
    blocker.execute("ROLLBACK")
    blocker.close()
    store.create_conversation(channel="web")
    store.close()


@pytest.mark.postgres
def test_a_vanished_server_is_unavailable_and_found_again(postgres_url: str) -> None:
    store = Store(postgres_url)
    store.ping()
    with postgres.connect(make_url(postgres_url).set(database="postgres")) as connection:
        name = make_url(postgres_url).database
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        store.ping()  # a stale connection is replaced before use
        connection.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        with pytest.raises(Unavailable, match=str(name)):
            store.ping()
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        connection.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
    store.ping()
    store.close()


@pytest.mark.postgres
def test_postgres_that_may_lose_commits_is_refused(postgres_url: str) -> None:
    with postgres.connect(postgres_url) as connection:
        name = make_url(postgres_url).database
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with pytest.raises(Unavailable, match=r"synchronous_commit=off.*synchronous_commit = on") as caught:
        Store(postgres_url)
    assert isinstance(caught.value, AssistantError)


@pytest.mark.postgres
def test_every_new_postgres_connection_is_checked_again(postgres_url: str) -> None:
    store = Store(postgres_url)
    with postgres.connect(postgres_url) as connection:
        name = make_url(postgres_url).database
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [name],
        )
    with pytest.raises(Unavailable, match="synchronous_commit"):
        store.create_conversation(channel="web")
    store.close()


@pytest.mark.postgres
def test_postgres_without_fsync_or_utf8_is_refused(postgres_server: URL) -> None:
    if postgres.binaries() is None:
        pytest.skip("needs Debian's package postgresql to start a server of its own")
    with postgres.server(["fsync=off"]) as url, pytest.raises(Unavailable, match="fsync=off"):
        Store(url.render_as_string(hide_password=False))
    with postgres.connect(postgres_server) as connection:
        connection.execute("CREATE DATABASE test_latin1 ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    try:
        with pytest.raises(Unavailable, match="LATIN1"):
            Store(postgres_server.set(database="test_latin1").render_as_string(hide_password=False))
    finally:
        with postgres.connect(postgres_server) as connection:
            connection.execute("DROP DATABASE test_latin1")


@pytest.mark.postgres
def test_a_role_that_may_not_write_is_told_so(postgres_url: str) -> None:
    name = make_url(postgres_url).database
    role = f"reader_{name}"
    with postgres.connect(postgres_url) as connection:
        connection.execute(f'CREATE ROLE "{role}" LOGIN')
        try:
            with pytest.raises(Unavailable, match=r"permission denied.*role its own database"):
                Store(make_url(postgres_url).set(username=role).render_as_string(hide_password=False))
        finally:
            connection.execute(f'DROP ROLE "{role}"')


@pytest.mark.postgres
def test_a_read_only_server_is_told_so(postgres_url: str) -> None:
    store = Store(postgres_url)
    store.close()
    with postgres.connect(postgres_url) as connection:
        name = make_url(postgres_url).database
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    store = Store(postgres_url)
    assert store.find_conversations() == []
    with pytest.raises(Unavailable, match="read-only transaction"):
        store.create_conversation(channel="web")
    store.close()


def test_a_second_store_in_a_process_does_not_give_up_the_locks_of_the_first(sqlite_url: str) -> None:
    """Else the next process to close the database takes itself for the last one and deletes the log in use."""
    look = (
        f"from assistant.store import Store; s = Store({sqlite_url!r}); print(len(s.find_conversations())); s.close()"
    )

    def seen_by_another_process() -> int:
        command = [sys.executable, "-c", look]
        return int(subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1]).stdout)

    first = Store(sqlite_url)
    first.create_conversation(channel="web")
    Store(sqlite_url).close()
    assert seen_by_another_process() == 1
    first.create_conversation(channel="web")
    assert seen_by_another_process() == 2  # before `first` closes, which would rescue what is in its log
    first.close()
