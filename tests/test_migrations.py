"""The schema: built once by however many processes start together, equal to the tables, never downgraded silently."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, Engine, inspect, text

from assistant import migrations
from assistant.database import WRITE, open_engine, parse_url
from assistant.errors import Unavailable
from assistant.store import Store
from assistant.tables import Base


@contextmanager
def writer(url: str) -> Iterator[Engine]:
    """An engine that begins write transactions."""
    engine = open_engine(parse_url(url))
    try:
        yield engine.execution_options(**WRITE)
    finally:
        engine.dispose()


def newest(connection: Connection) -> str | None:
    return ScriptDirectory.from_config(migrations.configuration(connection)).get_current_head()


def test_migrations_build_exactly_the_tables(database_url: str) -> None:
    with writer(database_url) as engine:
        migrations.upgrade(engine, "here")
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"version_table": migrations.VERSION_TABLE, "compare_type": True}
            )
            assert compare_metadata(context, Base.metadata) == []


def test_check_constraints_are_the_same_as_in_the_tables(database_url: str) -> None:
    """Autogenerate does not look at them."""
    with writer(database_url) as engine:
        migrations.upgrade(engine, "here")
        with engine.connect() as connection:
            for table in Base.metadata.sorted_tables:
                migrated = {check["name"] for check in inspect(connection).get_check_constraints(table.name)}
                declared = {str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)}
                assert migrated == declared, table.name


def test_upgrading_again_changes_nothing(database_url: str) -> None:
    Store(database_url).close()
    Store(database_url).close()
    with writer(database_url) as engine, engine.connect() as connection:
        assert migrations.current_revision(connection) == newest(connection)


def test_every_revision_can_be_undone_and_redone(database_url: str) -> None:
    with writer(database_url) as engine:
        migrations.upgrade(engine, "here")
        with engine.begin() as connection:
            command.downgrade(migrations.configuration(connection), "base")
            left = set(inspect(connection).get_table_names()) - {migrations.VERSION_TABLE}
        assert left == set()
        migrations.upgrade(engine, "here")
        with engine.connect() as connection:
            assert set(Base.metadata.tables) <= set(inspect(connection).get_table_names())


def test_a_failed_migration_leaves_the_database_as_it_was(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = command.upgrade
    built: list[str] = []

    def upgrade_then_fail(config: Config, revision: str) -> None:
        real(config, revision)
        built.extend(inspect(config.attributes["connection"]).get_table_names())
        raise RuntimeError("no space left")

    monkeypatch.setattr(command, "upgrade", upgrade_then_fail)
    with writer(database_url) as engine:
        with pytest.raises(RuntimeError, match="no space left"):
            migrations.upgrade(engine, "here")
        assert "conversations" in built
        with engine.connect() as connection:
            assert inspect(connection).get_table_names() == []


def test_a_newer_database_is_refused_with_the_remedy(database_url: str) -> None:
    Store(database_url).close()
    with writer(database_url) as engine, engine.begin() as connection:
        connection.execute(text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(Unavailable, match=r"'9999'.*newer"):
        Store(database_url)


def test_tables_of_another_program_are_not_touched(database_url: str) -> None:
    with writer(database_url) as engine, engine.begin() as connection:
        connection.execute(text("CREATE TABLE messages (id INTEGER)"))
    with pytest.raises(Unavailable, match="another program: messages"):
        Store(database_url)
    with writer(database_url) as engine, engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["messages"]


def test_processes_that_start_together_all_find_the_schema(database_url: str) -> None:
    program = (
        "import sys; from assistant.store import Store; s = Store(sys.argv[1]); s.create_conversation(channel='x')"
    )
    starting = [
        subprocess.Popen([sys.executable, "-c", program, database_url], stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in starting]
    assert ended == [("", 0)] * 6
    store = Store(database_url)
    assert len(store.find_conversations()) == 6
    store.close()
