"""For operators: is it alive, is it ready, what does it do; and the API page, which loads nothing from elsewhere.

Knows what to ask the parts; nothing of conversations.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import FileResponse, JSONResponse, Response

from assistant.errors import AssistantError
from retrieval.failures import IndexMissing, RetrievalError
from retrieval.index import Index, current_version
from ui.api import Served, within_rate
from ui.following import Follower
from ui.identity import require_api_key
from ui.served import ServedAssistant

STATIC = Path(__file__).parent / "static"
CHECK_SECONDS = 5.0
API_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

log = logging.getLogger("assistant.http")
router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    dependencies=[Depends(within_rate)],
    responses={503: {"description": "Some part is not ready; the body says which"}},
)
async def ready(request: Request, served: Served) -> Response:
    """Database, index and model can answer a customer now."""
    checks = await _checks(served.assistant)
    fine = all(state == "ok" for state in checks.values())
    body = {"status": "ready" if fine else "not_ready", "checks": checks, "adapter": _adapter(request)}
    return JSONResponse(body, 200 if fine else 503, None if fine else {"Retry-After": "5"})


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, served: Served) -> Response:
    """Prometheus metrics; needs an API key like /v1."""
    assistant = served.assistant
    require_api_key(request, assistant.settings)
    counted = assistant.metrics
    follower: Follower = request.app.state.follower
    counted.streams.set(assistant.live.listening)
    counted.adapters(follower.serving, follower.swaps, bool(follower.refused or follower.trial_refused))
    counted.index.clear()
    with suppress(RetrievalError):  # no index, no numbers; /readyz says why
        index = await asyncio.to_thread(_served_index, assistant)
        counted.index.labels(index.version).set(1)
        counted.passages.set(len(index.passages))
    return Response(counted.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/docs", include_in_schema=False)
async def api_page() -> Response:
    """The API, readable and tryable."""
    return FileResponse(STATIC / "api.html", headers={"Content-Security-Policy": API_PAGE_POLICY})


def _adapter(request: Request) -> dict[str, str | None]:
    """Which adapter replies; a refused one keeps nobody waiting, so it does not make the server unready."""
    follower: Follower = request.app.state.follower
    refused = "the promoted adapter cannot be used; the server's log says why" if follower.refused else None
    return {"serving": follower.serving, "refused": refused}


async def _checks(assistant: ServedAssistant) -> dict[str, str]:
    """`ok` or what is wrong, by part; the details, which may name folders and hosts, go to the log."""
    parts: dict[str, tuple[Callable[[], object], str]] = {
        "database": (assistant.store.ping, "the database does not answer"),
        "index": (lambda: _served_index(assistant), "there is no usable index: ingest documents"),
        "engine": (lambda: assistant.engine.count("ready"), "the model does not answer"),
    }
    states = await asyncio.gather(*(_state(ask, otherwise) for ask, otherwise in parts.values()))
    return dict(zip(parts, states, strict=True))


async def _state(ask: Callable[[], object], otherwise: str) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await asyncio.to_thread(ask)
    except (AssistantError, RetrievalError, OSError) as error:  # TimeoutError is an OSError
        log.warning("not ready: %s: %s", otherwise, error or type(error).__name__)
        return otherwise
    return "ok"


def _served_index(assistant: ServedAssistant) -> Index:
    """The index that questions are answered from now; raises RetrievalError."""
    if current_version(assistant.settings.index_folder) is None:
        raise IndexMissing(assistant.settings.index_folder)
    return assistant.retriever.index
