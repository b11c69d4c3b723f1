"""Brings a database's schema to the newest revision, once, however many processes start together.

Knows Alembic and the order of revisions; nothing of what the tables are used for.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from assistant import tables_learning, tables_serving, tables_sites, tables_staff, tables_understanding  # noqa: F401 (their tables count)
from assistant.errors import Unavailable
from assistant.tables import Base

VERSION_TABLE = "assistant_schema_version"  # not Alembic's default: another program may share the database
_LOCK_KEY = 0x617373697374  # any fixed number; PostgreSQL's advisory lock of migrations


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for one connection; no alembic.ini is needed."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine, place: str, revision: str = "head") -> None:
    """Upgrade an empty or older database; `engine` begins write transactions.

    Raises Unavailable when the database is newer than this program or its tables are another program's.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        current = current_revision(connection)
        scripts = ScriptDirectory.from_config(configuration(connection))
        known = {script.revision for script in scripts.walk_revisions()}
        if current == scripts.get_current_head():
            return
        if current is not None and current not in known:
            raise Unavailable(
                f"{place} has schema revision {current!r}, which this version does not know: "
                "it was written by a newer one; install that, or restore a backup from before"
            )
        if current is None:
            _refuse_foreign_tables(connection, place)
        command.upgrade(configuration(connection), revision)


def current_revision(connection: Connection) -> str | None:
    """The schema's revision, None for a database that has never been upgraded."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _refuse_foreign_tables(connection: Connection, place: str) -> None:
    foreign = sorted(set(Base.metadata.tables) & set(inspect(connection).get_table_names()))
    if foreign:
        raise Unavailable(
            f"{place} already has tables of another program: {', '.join(foreign)}; give Assistant a database of its own"
        )
