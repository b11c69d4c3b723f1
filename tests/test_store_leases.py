"""One holder at a time; a dead one is replaced at once, a silent one after its time, and loses its say."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import timedelta

import pytest
from sqlalchemy import update

from assistant.errors import Conflict
from assistant.store import Store
from assistant.store_leases import confirm, lease
from assistant.tables import now
from assistant.tables_learning import LeaseRow
from tests.storing import together

HOLD_AND_DIE = """
import os, signal, sys
from assistant.store import Store
from assistant.store_leases import lease
store = Store(sys.argv[1])
with lease(store, "cycle"):
    print("held", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_only_one_holds_it(store: Store) -> None:
    def attempt(_: int) -> bool:
        try:
            with lease(store, "cycle"):
                time.sleep(0.3)
            return True
        except Conflict:
            return False

    assert sum(together(5, attempt)) == 1
    with (
        lease(store, "cycle"),
        lease(store, "another"),
        pytest.raises(Conflict, match="is being done by"),
        lease(store, "cycle"),
    ):
        pass


def test_a_killed_process_of_this_machine_holds_nothing(database_url: str, store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOLD_AND_DIE, database_url], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "held\n", done.stderr
    with lease(store, "cycle") as held, store.writing() as session:
        confirm(session, held)


def test_the_heartbeat_keeps_it_beyond_its_time(store: Store) -> None:
    with lease(store, "cycle", seconds=0.4) as held:
        time.sleep(1.0)
        with store.writing() as session:
            confirm(session, held)
        with pytest.raises(Conflict), lease(store, "cycle"):
            pass


def test_who_was_silent_too_long_has_no_say(store: Store) -> None:
    with lease(store, "cycle") as held:
        with store.writing() as session:
            session.execute(update(LeaseRow).values(holder="elsewhere/1/2/3/4", until=now() + timedelta(seconds=60)))
        with pytest.raises(Conflict, match="took over"), store.writing() as session:
            confirm(session, held)
    with pytest.raises(Conflict, match="elsewhere"), lease(store, "cycle"):
        pass
