"""Start the server process: safe defaults first, then the app, then uvicorn."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import uvicorn

from assistant.errors import InvalidInput
from assistant.settings import Settings
from assistant.wiring import build_assistant
from retrieval.failures import RetrievalError
from retrieval.search import Retriever
from ui.identity import is_loopback
from ui.server import create_app

log = logging.getLogger(__name__)

CONNECTIONS = 2000  # a last resort; the application's own limits answer with 429 and 503 long before
WORKERS = 32  # threads for the database and the search: a slow one must not hold up the others


def run(settings: Settings, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until stopped. Raises InvalidInput when told to serve the world without API keys."""
    if not is_loopback(host) and not settings.api_keys:
        raise InvalidInput(
            f"--host {host!r} opens the server to other machines, but no API keys are set; "
            "set ASSISTANT_API_KEYS='[\"a-long-random-key\"]' (or api_keys in assistant.toml) first"
        )
    asyncio.run(serve(settings, host, port, ready))


async def serve(settings: Settings, host: str, port: int, ready: Callable[[str], None]) -> None:
    """One uvicorn server around one Assistant; both end together."""
    _allow_files(CONNECTIONS + 256)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(WORKERS, "assistant"))
    assistant = build_assistant(settings)
    config = uvicorn.Config(
        create_app(assistant),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,  # paths carry conversation ids
        timeout_graceful_shutdown=5,
        limit_concurrency=CONNECTIONS,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),  # otherwise anybody could choose the address rates count on
        forwarded_allow_ips=settings.trusted_proxies,
    )
    server = uvicorn.Server(config)
    try:
        task = asyncio.create_task(server.serve())
        while not server.started and not task.done():
            await asyncio.sleep(0.02)
        if server.started:
            ready(f"http://{host}:{port}")
            await asyncio.to_thread(warm_up, assistant.retriever)
        await task
    finally:
        await assistant.close()


def warm_up(retriever: Retriever) -> None:
    """Search once, so that opening the index and its embedders keeps no customer waiting."""
    try:
        retriever.search("hello", 1)
    except RetrievalError as error:
        log.warning("nothing can be searched yet: %s", error)


def _allow_files(wanted: int) -> None:
    """Let the process hold so many open files, as far as the system permits; usual defaults are 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
