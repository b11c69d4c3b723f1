"""The application on a real socket, and a client that reads its event streams."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from assistant.engines import ChatMessage, Generation, Sampling
from assistant.settings import load_settings
from assistant.store import Store
from assistant.turn import Assistant
from retrieval.documents import Passage
from tests.fakes import FakeEngine, fake_retriever
from ui.server import create_app

RETURNS = Passage(
    "faq#0", "faq:1", "Returns", "shop", "You can return any item within 30 days.", question="How long can I return?"
)
QUESTION = "How long do I have to return a lamp?"
GOOD = "You can return any item within 30 days."


class EndlessEngine(FakeEngine):
    """Gives the same reply to everybody, as often as asked."""

    def __init__(self, reply: str = GOOD, pause: float = 0.0) -> None:
        super().__init__([], pause=pause)
        self.reply = reply
        self.samplings: list[Sampling] = []

    async def generate(self, messages: Sequence[ChatMessage], sampling: Sampling) -> Generation:
        """Never runs out of replies."""
        self.replies.append(self.reply)
        self.samplings.append(sampling)
        return await super().generate(messages, sampling)


@dataclass(frozen=True)
class Site:
    """A running server and what is inside it."""

    url: str
    app: FastAPI
    store: Store
    engine: EndlessEngine
    client: httpx.Client

    def begin(self) -> Talk:
        """A new conversation."""
        answer = self.client.post("/api/v1/conversations")
        assert answer.status_code == 201, answer.text
        return Talk(self, answer.json()["id"], answer.json()["token"])


@dataclass(frozen=True)
class Talk:
    """One customer's conversation."""

    site: Site
    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def path(self) -> str:
        return f"/api/v1/conversations/{self.id}"

    def post(self, path: str, body: Any = None) -> httpx.Response:
        """POST below the conversation."""
        return self.site.client.post(self.path + path, json=body, headers=self.headers)

    def say(self, text: str, client_message_id: str | None = None) -> list[tuple[str, Any]]:
        """The events of one message, to the end."""
        body = {"text": text} | ({"client_message_id": client_message_id} if client_message_id else {})
        answer = self.post("/messages", body)
        assert answer.status_code == 200, answer.text
        return list(read_events(answer.text.splitlines()))

    def messages(self, **query: Any) -> list[dict[str, Any]]:
        """What the server has stored."""
        answer = self.site.client.get(f"{self.path}/messages", params=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    @contextmanager
    def stream(self, method: str, path: str, body: Any = None) -> Iterator[Iterator[tuple[str, Any]]]:
        """The events as they come; leaving closes the connection."""
        with (
            httpx.Client(base_url=self.site.url, timeout=20) as client,
            client.stream(method, self.path + path, json=body, headers=self.headers) as answer,
        ):
            assert answer.status_code == 200, answer.read()
            yield read_events(answer.iter_lines())


def read_events(lines: Any) -> Iterator[tuple[str, Any]]:
    """(name, data) of each event; comments give ("ping", None)."""
    name, data = "", ""
    for line in lines:
        if line.startswith(":"):
            yield "ping", None
        elif line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = line.removeprefix("data: ")
        elif not line and (name or data):
            yield name, json.loads(data)
            name, data = "", ""


@dataclass
class Listening:
    """Reads a stream in a thread and keeps what came."""

    events: list[tuple[str, Any]] = field(default_factory=list)

    def until(self, found: Callable[[list[tuple[str, Any]]], bool], seconds: float = 20.0) -> list[tuple[str, Any]]:
        """Wait for `found`; fails the test after `seconds`."""
        eventually(lambda: found(self.events), seconds)
        return self.events


@contextmanager
def listening(talk: Talk, path: str = "/events") -> Iterator[Listening]:
    """Read the conversation's events in the background."""
    heard = Listening()

    def read() -> None:
        try:
            with talk.stream("GET", path) as events:
                for event in events:
                    heard.events.append(event)
                    if stop.is_set():
                        return
        except httpx.HTTPError:
            pass  # the test is over

    stop = threading.Event()
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield heard
    stop.set()


def eventually(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until `true()`; fails the test after `seconds`, which by default leave a busy machine its time."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        pause.wait(0.02)
    raise AssertionError(f"still not true after {seconds} s")


@contextmanager
def serving(make: Callable[[], FastAPI]) -> Iterator[tuple[str, FastAPI]]:
    """Serve an application on a free port; gives its URL. It is made within the event loop, as Gradio likes it."""
    servers: list[uvicorn.Server] = []
    apps: list[FastAPI] = []

    async def serve() -> None:
        app = make()
        apps.append(app)
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            log_level="error",
            timeout_graceful_shutdown=1,
            proxy_headers=False,
            ws="none",
        )
        servers.append(uvicorn.Server(config))
        await servers[0].serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        eventually(lambda: bool(servers) and servers[0].started, 20)
        port = servers[0].servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", apps[0]
    finally:
        servers[0].should_exit = True
        thread.join(10)


@contextmanager
def site(home: Path, engine: EndlessEngine | None = None, evidence: float = 0.9, **settings: Any) -> Iterator[Site]:
    """The whole application around a fake model and a fake search, on a real SQLite store."""
    engine = engine or EndlessEngine()
    told = load_settings(home, **settings)
    store = Store(told.sqlalchemy_url)
    assistant = Assistant(store, fake_retriever([RETURNS], evidence), engine, told)
    try:
        with serving(lambda: create_app(assistant)) as (url, app), httpx.Client(base_url=url, timeout=20) as client:
            yield Site(url, app, store, engine, client)
    finally:
        store.close()
