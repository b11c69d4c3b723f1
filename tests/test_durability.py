"""An acknowledged message is on the disk: fsync comes before the acknowledgement, and kill -9 loses nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.conversation import Message
from assistant.store import Store
from benchmarks import kill_during_writes
from tests import postgres

# Preloaded into a process: appends the path of every file it syncs to the log.
SYNC_LOGGER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void note(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    int log = open(getenv("SYNC_LOG"), O_WRONLY | O_APPEND);
    if (log < 0 || length < 0) abort();
    dprintf(log, "sync %.*s\n", (int)length, path);
    close(log);
}

int fsync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    int result = real(fd);
    note(fd);
    return result;
}

int fdatasync(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    int result = real(fd);
    note(fd);
    return result;
}
"""

# Every kind of write; after each returns, says so in the log.
WRITER = """
import os, sys
from assistant.store import Store
from benchmarks.kill_during_writes import REPLY
store = Store(sys.argv[1])
log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
def acknowledged(what, result):
    os.write(log, f"ack {what}\\n".encode())
    return result
chat = acknowledged("create", store.create_conversation(channel="web")).id
for n in range(20):
    message, _ = acknowledged("message", store.add_customer_message(chat, "hi", str(n)))
    reply = acknowledged("reply", store.add_reply(chat, message.id, REPLY))
    acknowledged("rating", store.rate(reply.id, 1))
acknowledged("person", store.request_person(chat, "asked"))
acknowledged("close", store.close_conversation(chat))
"""


def test_sqlite_syncs_its_log_before_every_acknowledgement(tmp_path: Path, sqlite_url: str) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build the logger of fsync; install Debian's package gcc")
    source, library, log = tmp_path / "logger.c", tmp_path / "logger.so", tmp_path / "log"
    source.write_text(SYNC_LOGGER)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    log.touch()
    environment = os.environ | {"LD_PRELOAD": str(library), "SYNC_LOG": str(log), "COVERAGE_PROCESS_START": ""}
    subprocess.run([sys.executable, "-c", WRITER, sqlite_url, log], env=environment, check=True, timeout=120)
    lines = log.read_text().splitlines()
    acknowledgements = [number for number, line in enumerate(lines) if line.startswith("ack ")]
    assert len(acknowledgements) == 63
    write_ahead_log = f"sync {tmp_path / 'assistant.db-wal'}"
    start = 0
    for number in acknowledgements:
        assert write_ahead_log in lines[start:number], f"{lines[number]!r} came before the log was synced"
        start = number + 1


@pytest.mark.postgres
def test_postgres_flushes_its_log_before_every_acknowledgement(postgres_url: str) -> None:
    store = Store(postgres_url)
    chat = store.create_conversation(channel="web").id
    with postgres.connect(postgres_url) as connection:

        def position(function: str) -> int:
            row = connection.execute(f"SELECT {function}() - '0/0'::pg_lsn").fetchone()
            assert row is not None
            return int(str(row[0]))

        def stored_and_flushed(number: int) -> Message:
            before = position("pg_current_wal_insert_lsn")
            message, _ = store.add_customer_message(chat, f"message {number}")
            flushed = position("pg_current_wal_flush_lsn")
            assert flushed > before
            return message

        assert [stored_and_flushed(n).position for n in range(1, 21)] == list(range(1, 21))
    store.close()


def test_killed_writers_lose_and_double_nothing(database_url: str) -> None:
    outcome = kill_during_writes.run(database_url, kills=5)
    assert outcome.passed, outcome
    assert outcome.acknowledged > 50
    assert outcome.stored >= outcome.acknowledged
