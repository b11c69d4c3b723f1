"""Start the server process: safe defaults first, then the app, then uvicorn."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

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
    """One uvicorn server around one Assistant; both end together. Raises InvalidInput for an address that is taken."""
    _allow_files(CONNECTIONS + 256)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(WORKERS, "assistant"))
    with bound(host, port) as listening:  # before the models are loaded, so that who mistyped does not wait
        await _serve_on(listening, settings, lambda: ready(f"http://{host}:{port}"))


async def _serve_on(listening: socket.socket, settings: Settings, ready: Callable[[], None]) -> None:
    assistant = build_assistant(settings)
    config = uvicorn.Config(
        create_app(assistant),
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
        task = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not task.done():
            await asyncio.sleep(0.02)
        if server.started:
            ready()
            await asyncio.to_thread(warm_up, assistant.retriever)
        await task
    finally:
        await assistant.close()


def bound(host: str, port: int) -> socket.socket:
    """A socket at the address. Raises InvalidInput where that is taken, not allowed or not this machine's."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as failing:
            found = failing.enter_context(socket.socket(family, kind))
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart need not wait for old connections
            found.bind(address)
            failing.pop_all()
            return found
    except OSError as error:
        raise InvalidInput(
            f"cannot listen on {host} port {port}: {error}; end what runs there, or choose another --host or --port"
        ) from error


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
