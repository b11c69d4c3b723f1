"""Tells other server processes on the same PostgreSQL database what happens here, and hears what happens there.

Uses LISTEN and NOTIFY on connections of its own; knows nothing of what the news mean. News are hints only:
streams read the store, and look by themselves now and then, so a lost one delays and loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from sqlalchemy import URL

from assistant.database import CONNECT_SECONDS, parse_url
from ui.live import Live

CHANNEL = "assistant_live"
MOST_WAITING = 2000
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)

log = logging.getLogger("assistant.live")


@asynccontextmanager
async def relaying(database_url: str, live: Live) -> AsyncIterator[None]:
    """While inside, `live` talks with the other processes; on SQLite there is one process and nothing to do."""
    url = parse_url(database_url)
    if url.get_backend_name() != "postgresql":
        yield
        return
    task = asyncio.create_task(_Relay(url, live).run())
    try:
        yield
    finally:
        live.tell = None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Relay:
    def __init__(self, url: URL, live: Live) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._live = live
        self._own = secrets.token_hex(8)  # what we said ourselves comes back, too
        self._waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)

    async def run(self) -> None:
        """Stay connected for ever."""
        loop = asyncio.get_running_loop()
        self._live.tell = lambda news: _ignore(loop.call_soon_threadsafe(self._keep, news))
        failures = 0
        while True:
            try:
                async with await self._connect() as hearing, await self._connect() as telling:
                    await hearing.execute(f"LISTEN {CHANNEL}")
                    failures = 0
                    self._live.wake_all()
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._hear(hearing))
                        tasks.create_task(self._tell(telling))
            except* (psycopg.Error, OSError) as group:
                pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                failures += 1
                log.warning("no news from other processes for %g s: %s", pause, group.exceptions[0])
                await asyncio.sleep(pause)

    async def _connect(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS)

    def _keep(self, news: str) -> None:
        if self._waiting.full():
            self._waiting.get_nowait()  # the oldest hint is worth least
        self._waiting.put_nowait(news)

    async def _hear(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        async for notify in connection.notifies():
            sender, _, news = notify.payload.partition(" ")
            if sender != self._own:
                self._live.hear(news)
        raise OSError("the connection has ended")

    async def _tell(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        while True:
            news = await self._waiting.get()
            await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, f"{self._own} {news}"))


def _ignore(_: object) -> None:
    """For callbacks whose result nobody needs."""
