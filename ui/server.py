"""The whole web application: API, OpenAI API, operations and the web chat, behind one set of guards.

Joins what the other modules of ui/ define; knows no route's business.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from assistant.settings import Settings
from assistant.turn import Assistant
from ui import (
    api,
    contact_api,
    explanation_api,
    openai_api,
    operations,
    review_api,
    staff_api,
    staff_login,
    widget_api,
    widget_pages,
)
from ui.chat_page import mount_chat
from ui.desk.desk_page import mount_desk
from ui.following import Follower, following
from ui.guards import Hosts, Incidents, SecurityHeaders
from ui.limits import BodyLimit
from ui.live import Live
from ui.live_relay import relaying
from ui.measure import CountRequests, Metrics
from ui.problems import install
from ui.served import ServedAssistant, as_served, follower_of
from ui.sites import SiteCors, Sites
from ui.suggestions import Examples

ABOUT = """Talk to the assistant from your own programs.

Begin with `POST /api/v1/conversations` and send its `token` as `Authorization: Bearer TOKEN` with everything else.
Every failure has the body `{"error": {"code", "message"}}`; 429 and 503 say in `Retry-After` when to come back."""

# What the web chat's page asks Gradio for. All else Gradio offers (uploads, a proxy, monitoring) stays closed.
PAGE_PATHS = re.compile(
    r"/($|assets/|static/|theme\.css$|favicon\.ico$|manifest\.json$|config/?$"
    r"|gradio_api/(component_server/?$|queue/(join|data)/?$|cancel$|heartbeat/|startup-events$|app_id$|theme\.css$))"
)


class NoPage(BaseRoute):
    """Answers for paths that neither a route nor a page has: 404, or 405 where only the method is wrong.

    Stands before the mounted pages, which would otherwise swallow both.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = tuple(routes)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Everything but the pages' own paths."""
        path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
        ours = scope["type"] == "http" and not PAGE_PATHS.match(path)
        return (Match.FULL, {}) if ours else (Match.NONE, {})

    def url_path_for(self, name: str, /, **path_params: object) -> NoReturn:
        """There is nothing to link to."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the route whose path fits refuse the method, or find nothing."""
        for route in self._routes:
            match, child_scope = route.matches(scope)
            if match == Match.PARTIAL:
                scope.update(child_scope)
                await route.handle(scope, receive, send)
                return
        raise HTTPException(404, "There is nothing at this path.")


def create_app(assistant: Assistant) -> FastAPI:
    """The application; its caller made the assistant and closes it."""
    settings = assistant.settings
    metrics, live = Metrics(), Live()
    served = as_served(assistant, metrics, live)
    services = api.Services.of(served)
    follower = follower_of(served)
    app = FastAPI(
        title=f"{settings.company} assistant",
        description=ABOUT,
        version="1",
        docs_url=None,
        redoc_url=None,
        middleware=_middleware(settings, metrics, services.sites),
        redirect_slashes=False,
        lifespan=lambda _: _background(served, follower),
    )
    app.state.services = services
    app.state.follower = follower
    app.state.examples = Examples(served.retriever)
    app.state.widget = widget_pages.Script.of(settings)
    install(app)
    app.include_router(api.router)
    app.include_router(widget_api.router)
    app.include_router(widget_pages.router)
    app.include_router(contact_api.router)
    app.include_router(staff_login.router)
    app.include_router(staff_api.router)
    app.include_router(explanation_api.router)
    app.include_router(review_api.router)
    app.include_router(openai_api.router)
    app.include_router(operations.router)
    app.mount("/docs", StaticFiles(directory=operations.STATIC), name="docs")
    app.state.door = staff_login.Door()
    mount_desk(app, services)
    app.router.routes.append(NoPage(app.router.routes))
    return mount_chat(app, app.state.services)


@asynccontextmanager
async def _background(served: ServedAssistant, follower: Follower) -> AsyncIterator[None]:
    """What runs beside the requests, from before the first to after the last one."""
    async with relaying(served.settings.sqlalchemy_url, served.live), following(follower):
        yield


def _middleware(settings: Settings, metrics: Metrics, sites: Sites) -> list[Middleware]:
    """From the outermost inwards. Gradio leaves CORS alone when it finds CORSMiddleware here."""
    return [
        Middleware(CountRequests, metrics=metrics),
        Middleware(SecurityHeaders),
        Middleware(Incidents),
        Middleware(Hosts, allowed=settings.allowed_hosts),
        Middleware(SiteCors, sites=sites),
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
            expose_headers=["Retry-After"],
        ),
        Middleware(BodyLimit, most=settings.max_body_bytes),
    ]
