"""Keeps a serving process at the adapter that the pointer in SQL names, and at the trial beside it, without a restart.

An adapter that cannot be used is refused with its reason, and what served before goes on. Replies under way finish on
the adapter they began with: the engine sees to that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from assistant.adapter_register import Register
from assistant.adapters import verified
from assistant.engines import Engine
from assistant.errors import AssistantError
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_adapters import pointer_version, read_register
from training.live_watch import look_after
from ui.trials import Candidate, Trials

log = logging.getLogger("assistant.adapters")

RETRY_SECONDS = 30.0  # a refused adapter may be on its way still, as by a slow copy
GUARD_SECONDS = 60.0
OpenEngine = Callable[[Settings], Engine]


class Follower:
    """One process's view of the pointer. `refused` says why the adapter it names is not in use."""

    def __init__(
        self, settings: Settings, store: Store, engine: Engine, trials: Trials, open_engine: OpenEngine
    ) -> None:
        self.refused: str | None = None
        self.trial_refused: str | None = None
        self.swaps = 0
        self._settings, self._store, self._engine = settings, store, engine
        self._trials, self._open_engine = trials, open_engine
        self._version = -1
        self._retry_at = 0.0
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def serving(self) -> str | None:
        """Id of the adapter in use, None for the base model."""
        return self._engine.adapter

    async def look(self) -> None:
        """Take over what changed since the last look; raises Unavailable or Overloaded when SQL cannot be read."""
        failed = self.refused or self.trial_refused
        version = await asyncio.to_thread(pointer_version, self._store)
        if version == self._version and not (failed and time.monotonic() >= self._retry_at):
            return
        register = await asyncio.to_thread(read_register, self._store)
        self.refused = await self._serve(register)
        self.trial_refused = await self._try(register)
        self._version, self._retry_at = register.version, time.monotonic() + RETRY_SECONDS

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await asyncio.sleep(self._settings.adapter_poll_seconds)
            try:
                await self.look()
            except AssistantError as error:
                log.warning("cannot see which adapter should serve: %s", error)
            except Exception:  # a fault of ours must not end the following for good
                log.exception("cannot follow the serving pointer")

    async def guard(self) -> None:
        """Look again and again whether customers fare worse with what was promoted or is tried; for ever."""
        while True:
            await asyncio.sleep(GUARD_SECONDS)
            try:
                await asyncio.to_thread(look_after, self._settings, self._store)
            except AssistantError as error:
                log.warning("cannot judge the serving adapter: %s", error)
            except Exception:
                log.exception("cannot judge the serving adapter")

    async def close(self) -> None:
        """Close the engines of trials."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self._trials.close()

    async def _serve(self, register: Register) -> str | None:
        """Use the adapter of the pointer; returns why that cannot be."""
        wanted = register.serving
        if wanted == self._engine.adapter:
            return None
        started = time.perf_counter()
        try:
            entry = register.entry(wanted) if wanted else None
            adapter = await asyncio.to_thread(verified, self._settings, entry) if entry else None
            await self._engine.use_adapter(adapter)
        except AssistantError as error:
            log.error("adapter %s is refused, %s goes on: %s", wanted, self._engine.adapter or "the base model", error)
            return str(error)
        self.swaps += 1
        log.warning("%s serves after %.1f s", wanted or "the base model", time.perf_counter() - started)
        return None

    async def _try(self, register: Register) -> str | None:
        """Open the engine of a new trial, retire that of an old one; returns why the trial cannot run here."""
        current, wanted = self._trials.candidate, register.trial
        if (current.trial if current else None) == wanted:
            return None
        if current:
            self._trials.candidate = None
            task = asyncio.create_task(current.retire())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)
        if wanted is None:
            return None
        try:
            adapter = await asyncio.to_thread(verified, self._settings, register.entry(wanted.adapter_id))
            engine = await asyncio.to_thread(self._open_engine, self._settings)
            try:
                await engine.use_adapter(adapter)
            except BaseException:
                await engine.close()
                raise
        except AssistantError as error:
            log.error("the trial of adapter %s cannot run: %s", wanted.adapter_id, error)
            return str(error)
        self._trials.candidate = Candidate(wanted, engine)
        return None


@asynccontextmanager
async def following(follower: Follower) -> AsyncIterator[None]:
    """While inside, the process follows the pointer; the first look is over when this begins."""
    await follower.look()
    tasks = [asyncio.create_task(follower.run()), asyncio.create_task(follower.guard())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await follower.close()
