"""Two server processes on one PostgreSQL hear each other, also after their connections were cut."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from ui.live import Live
from ui.live_relay import CHANNEL, relaying

pytestmark = pytest.mark.postgres


async def until(true: object, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.02)


async def listeners(url: str) -> int:
    async with await psycopg.AsyncConnection.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        found = await admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query = %s AND datname = current_database()",
            (f"LISTEN {CHANNEL}",),
        )
        row = await found.fetchone()
    return int(row[0]) if row else 0


async def ready(url: str, wanted: int) -> None:
    async with asyncio.timeout(10):
        while await listeners(url) < wanted:
            await asyncio.sleep(0.05)


async def test_news_of_one_process_wake_the_streams_of_another(postgres_url: str) -> None:
    here, there = Live(), Live()
    async with relaying(postgres_url, here), relaying(postgres_url, there):
        await ready(postgres_url, 2)
        with there.listen("a") as woken, there.listen("b") as other:
            await asyncio.sleep(0.1)  # a fresh connection wakes everybody once
            woken.clear(), other.clear()
            here.wake("a")
            await until(woken.is_set)
            assert not other.is_set()
            here.typing("b", "person", "Mei")
            await until(other.is_set)
            assert [(t.author, t.name) for t in there.typists("b")] == [("person", "Mei")]
            here.typing("b", "person", "Mei", seconds=0)
            await until(lambda: there.typists("b") == [])
    assert here.tell is None


async def test_a_cut_connection_comes_back_and_what_was_missed_is_looked_for(postgres_url: str) -> None:
    here, there = Live(), Live()
    async with relaying(postgres_url, here), relaying(postgres_url, there):
        await ready(postgres_url, 2)
        with there.listen("a") as woken:
            await asyncio.sleep(0.1)
            woken.clear()
            async with await psycopg.AsyncConnection.connect(
                postgres_url.replace("+psycopg", ""), autocommit=True
            ) as admin:
                await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            await until(woken.is_set, 10)
            await ready(postgres_url, 2)
            woken.clear()
            here.wake("a")
            await until(woken.is_set, 10)


async def test_sqlite_needs_no_relay(sqlite_url: str) -> None:
    live = Live()
    async with relaying(sqlite_url, live):
        assert live.tell is None
