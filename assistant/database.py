"""Opens the engine of a database URL: durable settings, write transactions, clear errors, schema at head.

Knows SQLite's and PostgreSQL's ways; nothing of what the tables mean, and opens no session.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from assistant.errors import InvalidInput, Overloaded, Unavailable
from assistant.storable import to_json

BUSY_SECONDS = 10  # how long a transaction waits for another one's lock
CONNECT_SECONDS = 5
POOL_SIZE = 16
POOL_WAIT_SECONDS = 5
WRITE = {"assistant_write": True}  # execution options of the engine that begins write transactions

SQLITE_PRAGMAS = {
    "synchronous": "FULL",  # fsync the log before a commit returns
    "foreign_keys": "ON",
    "secure_delete": "ON",  # erased text leaves no bytes behind
    "temp_store": "MEMORY",
}

POSTGRES_REMEDIES = {
    "synchronous_commit": "ALTER SYSTEM SET synchronous_commit = on, or RESET it for the role and the database",
    "fsync": "ALTER SYSTEM SET fsync = on, then restart PostgreSQL",
}

NOT_ALLOWED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)


def parse_url(url: str) -> URL:
    """The URL with its driver; raises InvalidInput (never quoting a password) for anything unsupported."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The URL may hold a password, so neither the message nor the chained error may show it.
        raise InvalidInput(
            "database_url cannot be read; write sqlite:////path/to/file.db "
            "or postgresql+psycopg://user:password@host/name"
        ) from None
    backend = parsed.drivername.partition("+")[0]
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise InvalidInput(f"database_url names {parsed.drivername!r}; supported are sqlite and postgresql")
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        raise InvalidInput(f"database_url {url!r} must name a file, so that conversations survive a restart")
    return parsed.set(drivername="sqlite+pysqlite")


def place(url: URL) -> str:
    """Where the database is, in words and without any password."""
    if url.get_backend_name() == "sqlite":
        return f"SQLite file {url.database}"
    return f"PostgreSQL database {url.database!r} at {url.host or 'the local socket'}:{url.port or 5432}"


def open_engine(url: URL) -> Engine:
    """An engine whose every connection is durable; raises Unavailable when it cannot be."""
    common: dict[str, Any] = {
        "json_serializer": to_json,
        "hide_parameters": True,  # what customers wrote stays out of error texts and logs
        "pool_size": POOL_SIZE,
        "max_overflow": POOL_SIZE,
        "pool_timeout": POOL_WAIT_SECONDS,
    }
    if url.get_backend_name() == "sqlite":
        _create_private(Path(str(url.database)))
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **common)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    connect_args: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "assistant"}
    connect_args = {key: value for key, value in connect_args.items() if key not in url.query}
    engine = create_engine(url, pool_pre_ping=True, connect_args=connect_args, **common)
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _create_private(path: Path) -> None:
    """Create the file readable by its owner only; SQLite gives -wal and -shm the same mode.

    A file that exists is never opened here: closing it would drop all locks that other connections of this process
    hold on it (https://www.sqlite.org/howtocorrupt.html, 2.2), and another process would then delete the live log.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if not path.is_file() or not os.access(path, os.R_OK | os.W_OK):
            raise Unavailable(f"cannot open the SQLite file {path}: not a file that may be written") from None
    except OSError as error:
        raise Unavailable(
            f"cannot open the SQLite file {path}: {error.strerror}; check the folder's owner and free space"
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    with _closed_on_failure(connection):
        # isolation_level None: the driver begins nothing by itself, `_begin_sqlite` does.
        connection.isolation_level = None
        _use_wal(connection)
        for pragma, value in SQLITE_PRAGMAS.items():
            connection.execute(f"PRAGMA {pragma}={value}")


@contextmanager
def _closed_on_failure(connection: sqlite3.Connection | psycopg.Connection[Any]) -> Iterator[None]:
    """The pool does not know a connection yet whose preparation fails, so it would not close it."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite's busy timeout does not cover this switch, so wait here."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    if mode != "wal":
        raise Unavailable(
            f"the SQLite file cannot use a write-ahead log (journal mode {mode!r}); "
            "put it on a local disk, network folders do not work"
        )


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads and then writes can fail with "database is locked" at once,
    # whatever the busy timeout; IMMEDIATE takes the write lock first and waits for it.
    write = connection.get_execution_options().get("assistant_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _prepare_postgres(connection: psycopg.Connection[Any], _: ConnectionPoolEntry) -> None:
    with _closed_on_failure(connection):
        for name, remedy in POSTGRES_REMEDIES.items():
            if _show(connection, name) == "off":
                raise Unavailable(f"PostgreSQL has {name}=off and could lose acknowledged messages; {remedy}")
        encoding = _show(connection, "server_encoding")
        if encoding != "UTF8":
            raise Unavailable(f"the PostgreSQL database has encoding {encoding!r}; create it with ENCODING 'UTF8'")
        connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{BUSY_SECONDS}s"])
        connection.commit()


def _show(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    return str(row[0]) if row else ""


def empty_sqlite_log(engine: Engine) -> None:
    """Move SQLite's write-ahead log into the file and truncate it, so that it keeps nothing erased.

    Raises Overloaded when readers are in the way for longer than BUSY_SECONDS.
    """
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        blocked, _, _ = cursor.fetchone() or (1, 0, 0)
    finally:
        connection.close()
    if blocked:
        raise Overloaded(
            f"{place(engine.url)} was being read for {BUSY_SECONDS} s; what was erased is still in its log"
        )


@contextmanager
def clear_errors(url: URL) -> Iterator[None]:
    """Turn failures of the database itself into Unavailable or Overloaded that name the place."""
    try:
        yield
    except PoolTimeout as error:
        raise Overloaded(f"no free connection to {place(url)} within {POOL_WAIT_SECONDS} s") from error
    except (OperationalError, InterfaceError) as error:
        raise _explained(error, url) from error
    except DatabaseError as error:
        if type(error.orig) is sqlite3.DatabaseError or isinstance(error.orig, NOT_ALLOWED):
            raise _explained(error, url) from error  # a damaged file, or a role that may not write
        raise


def _explained(error: StatementError, url: URL) -> Unavailable | Overloaded:
    original = error.orig
    if isinstance(original, sqlite3.Error):
        if "locked" in str(original):
            return Overloaded(f"{place(url)} was locked by another process for {BUSY_SECONDS} s")
        return Unavailable(f"{place(url)}: {original}; check free space, the owner, and that it is a database")
    if isinstance(original, psycopg.errors.LockNotAvailable):
        return Overloaded(f"{place(url)}: another transaction held a lock for {BUSY_SECONDS} s")
    reason = " ".join(str(original).strip().splitlines()[:1])
    if isinstance(original, NOT_ALLOWED):
        return Unavailable(f"{place(url)}: {reason}; give Assistant's role its own database, on a primary server")
    return Unavailable(f"cannot reach {place(url)}: {reason}; check that it runs and the URL")
