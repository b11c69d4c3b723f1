"""A throw-away PostgreSQL server for tests, from Debian's binaries; knows nothing of what is tested."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url


def binaries() -> Path | None:
    """The folder of the newest installed server's programs."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in found), key=lambda path: float(path.parent.name), default=None)


@contextmanager
def server(options: Sequence[str] = ()) -> Iterator[URL]:
    """A running server with fsync on, on a free port, in a temporary folder; `options` are `-c` settings."""
    programs = binaries()
    assert programs is not None, "install Debian's package postgresql"
    folder = Path(tempfile.mkdtemp(prefix="assistant-postgres-"))
    # The server refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        shutil.chown(folder, user)
    port = _free_port()

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), "-D", str(folder / "data"), *arguments]
        done = subprocess.run(
            command,
            user=user if os.geteuid() == 0 else None,
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{program} failed: {done.stdout}{done.stderr}"

    run("initdb", "--auth=trust", "--username=assistant", "--encoding=UTF8", "--no-sync")
    settings = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", *options]
    with (folder / "data" / "postgresql.conf").open("a") as file:
        file.writelines(re.sub(r"=(.*)", r" = '\1'\n", setting) for setting in settings)
    run("pg_ctl", "-w", "-l", str(folder / "log"), "start")
    try:
        yield URL.create("postgresql+psycopg", "assistant", host="127.0.0.1", port=port, database="postgres")
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@contextmanager
def database(server_url: URL, name: str) -> Iterator[str]:
    """A new empty database on a server, dropped afterwards; yields its URL with the password."""
    identifier = sql.Identifier(name)
    with connect(server_url) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(identifier))
    try:
        yield server_url.set(database=name).render_as_string(hide_password=False)
    finally:
        with connect(server_url) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def connect(url: URL | str) -> psycopg.Connection[tuple[object, ...]]:
    """A plain autocommit connection to a SQLAlchemy URL."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
