"""200 visitors whose connections break at random moments, on a real server: is a message lost or doubled, a slot kept?

    python -m benchmarks.widget_disconnects [--home FOLDER] [--visitors 200] [--turns 1] [--at-once 16]

Every visitor does what the widget does: each message has an id of its own and is sent again under it until its reply
is complete; the event stream is opened again after the last message seen. Most attempts are cut by closing the socket
after a random time. The model is a slow one in this process (`engine_url`), which counts whom it is writing for; all
else is real. At the end every visitor says one thing more and vanishes at once: how long until nobody is written for?
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from benchmarks.serving import Customer, customer, server

EXAMPLES = Path(__file__).parents[1] / "examples" / "knowledge"
QUESTIONS = ("How long can I return a lamp?", "How much is delivery?", "Are the plants safe for cats?")
REPLY = "You can return most items within thirty days of delivery , and we pay for the way back . ".split()
WORD_SECONDS = 0.1
CUT_SHARE = 0.65  # of all attempts
CUT_SECONDS = (0.0, 2.5)
FREED_SECONDS = 2.0
ATTEMPTS = 40


@dataclass
class SlowModel:
    """An OpenAI-compatible server that takes its time and counts for whom."""

    word_seconds: float = WORD_SECONDS
    writing: int = 0
    port: int = 0

    async def complete(self, request: Request) -> Response:
        """Word by word, until the reader is gone."""
        await request.json()
        return StreamingResponse(self._words(), media_type="text/event-stream")

    async def _words(self) -> AsyncIterator[str]:
        self.writing += 1
        try:
            for word in REPLY:
                await asyncio.sleep(self.word_seconds)
                yield f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': word + ' '}}]})}\n\n"
            yield 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
        finally:
            self.writing -= 1

    async def models(self, _: Request) -> Response:
        """One model."""
        return JSONResponse({"object": "list", "data": [{"id": "slow", "object": "model"}]})

    def app(self) -> Starlette:
        """The two routes that are asked for."""
        routes = [Route("/v1/chat/completions", self.complete, methods=["POST"]), Route("/v1/models", self.models)]
        return Starlette(routes=routes)


@dataclass
class Tally:
    """What happened to all visitors together."""

    attempts: int = 0
    cut: int = 0
    feed_cut: int = 0
    problems: Counter[str] = field(default_factory=Counter)


@dataclass
class Visitor:
    """One visitor's conversation, as the widget keeps it."""

    who: Customer
    chance: random.Random
    tally: Tally
    sent: dict[str, str] = field(default_factory=dict)  # our id of a message -> the reply we were shown
    heard: list[str] = field(default_factory=list)  # message ids, as the event stream brought them
    last: str = ""  # the id of the last reply
    done: bool = False

    async def run(self, url: str, turns: int) -> None:
        """All turns, with the event stream beside them."""
        feed = asyncio.create_task(self._feed(url))
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            for turn in range(turns):
                await self._turn(client, QUESTIONS[turn % len(QUESTIONS)])
        self.done = True
        await feed

    async def _turn(self, client: httpx.AsyncClient, text: str) -> None:
        own = uuid.uuid4().hex
        for attempt in range(ATTEMPTS):
            self.tally.attempts += 1
            cut = self.chance.random() < CUT_SHARE and attempt < ATTEMPTS - 5
            seconds = self.chance.uniform(*CUT_SECONDS) if cut else 60
            try:
                async with asyncio.timeout(seconds):
                    reply = await self._say(client, text, own)
            except (TimeoutError, httpx.TransportError):  # the socket is closed on the way out
                self.tally.cut += 1
                continue
            if reply is not None:
                self.sent[own] = self.last = reply
                return
            await asyncio.sleep(self.chance.uniform(0.2, 0.6))
        self.tally.problems["never answered"] += 1

    async def _say(self, client: httpx.AsyncClient, text: str, own: str) -> str | None:
        async with aclosing(self.who.say(client, text, own)) as events:
            async for name, data in events:
                if name == "completed":
                    return str(data["message_id"])
                if name == "error":
                    return None
        return None

    async def _feed(self, url: str) -> None:
        """Open the stream again and again, each time after the last message seen, until the last reply is there."""
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            seconds = 30 if self.done else self.chance.uniform(0.1, 4.0)
            with suppress(TimeoutError, httpx.HTTPError):
                async with asyncio.timeout(seconds), httpx.AsyncClient(base_url=url, timeout=30) as client:
                    await self._listen(client)
                    if self.done:
                        return
            self.tally.feed_cut += 1

    async def _listen(self, client: httpx.AsyncClient) -> None:
        caught_up: set[str] = set()
        if not self.heard:
            caught_up |= await self._catch_up(client)
        after = {"after": self.heard[-1]} if self.heard else {}
        path = f"/api/v1/conversations/{self.who.id}/events"
        async with client.stream("GET", path, params=after, headers=self.who.headers) as answer:
            async for name, data in _events(answer):
                if name == "message" and data["id"] not in caught_up:
                    self.heard.append(data["id"])
                if name == "state" and not self.heard:  # written between our look and the begin of the stream
                    caught_up |= await self._catch_up(client)
                if self.done and self.heard[-1:] == [self.last]:
                    return

    async def _catch_up(self, client: httpx.AsyncClient) -> set[str]:
        """What is there already: the stream alone begins with what comes next."""
        found = await client.get(f"/api/v1/conversations/{self.who.id}/messages", headers=self.who.headers)
        stored = [message["id"] for message in found.json()["messages"]]
        self.heard += stored
        return set(stored)

    async def check(self, client: httpx.AsyncClient) -> None:
        """Compare what was said, what is stored and what was heard."""
        path = f"/api/v1/conversations/{self.who.id}/messages"
        stored = (await client.get(path, params={"limit": 200}, headers=self.who.headers)).json()["messages"]
        problems = self.tally.problems
        own = Counter(m["client_message_id"] for m in stored if m["author"] == "customer")
        replies = Counter(m["in_reply_to"] for m in stored if m["author"] == "assistant")
        shown = {m["id"] for m in stored if m["author"] == "assistant"}
        problems["lost"] += len(set(self.sent) - set(own)) + len(set(self.sent.values()) - shown)
        problems["doubled"] += sum(n - 1 for n in own.values()) + sum(n - 1 for n in replies.values())
        problems["out of order"] += [m["position"] for m in stored] != list(range(1, len(stored) + 1))
        problems["not heard"] += len({m["id"] for m in stored} - set(self.heard))
        problems["heard twice"] += len(self.heard) - len(set(self.heard))


async def _events(answer: httpx.Response) -> AsyncGenerator[tuple[str, Any]]:
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


@contextmanager
def prepared(home: Path | None) -> Iterator[Path]:
    """A home with the models and the example knowledge base."""
    with tempfile.TemporaryDirectory() as folder:
        home = home or Path(folder)
        assistant = [str(Path(sys.executable).with_name("assistant")), "--home", str(home)]
        subprocess.run([*assistant, "setup"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not (home / "index" / "CURRENT").exists():
            subprocess.run([*assistant, "ingest", str(EXAMPLES)], check=True, stdout=sys.stderr)
        yield home


async def vanish(visitors: list[Visitor], url: str, model: SlowModel) -> tuple[int, float]:
    """Everybody says something and vanishes while the model writes; (for how many it wrote, seconds until free)."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:

        async def go(visitor: Visitor) -> None:
            await visitor._say(client, QUESTIONS[0], uuid.uuid4().hex)

        tasks = [asyncio.create_task(go(visitor)) for visitor in visitors]
        deadline = time.monotonic() + 30
        while model.writing < min(8, len(visitors)) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        first = model.writing
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    left = time.monotonic()
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        while model.writing or await _busy(client):
            if time.monotonic() - left > 60:
                raise RuntimeError(f"{model.writing} replies are still being written for nobody after 60 s")
            await asyncio.sleep(0.02)
    return first, time.monotonic() - left


async def _busy(client: httpx.AsyncClient) -> float:
    text = (await client.get("/metrics")).text
    names = ("assistant_engine_busy ", "assistant_engine_queued ")
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(names))


async def measure(home: Path, count: int, turns: int, at_once: int, seed: int) -> dict[str, Any]:
    """The whole benchmark; the server's own limits stay as they are but for the rates."""
    model, tally = SlowModel(), Tally()
    config = uvicorn.Config(model.app(), host="127.0.0.1", port=0, log_level="error")
    slow = uvicorn.Server(config)
    serving = asyncio.create_task(slow.serve())
    while not slow.started:
        await asyncio.sleep(0.02)
    port = slow.servers[0].sockets[0].getsockname()[1]
    remote = {"ASSISTANT_ENGINE_URL": f"http://127.0.0.1:{port}/v1", "ASSISTANT_MODEL": "slow"}
    places = {"ASSISTANT_ENGINE_SLOTS": "16", "ASSISTANT_ENGINE_QUEUE": "240"}
    with server(home, home / "serve.log", **remote, **places) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=30) as client:
            visitors = [Visitor(await customer(client), random.Random(seed * 10_000 + n), tally) for n in range(count)]
            gate = asyncio.Semaphore(at_once)

            async def visit(visitor: Visitor) -> None:
                async with gate:
                    await visitor.run(running.url, turns)

            started = time.monotonic()
            await asyncio.gather(*map(visit, visitors))
            seconds = time.monotonic() - started
            for visitor in visitors:
                await visitor.check(client)
            writing, freed = await vanish(visitors[:at_once], running.url, model)
    slow.should_exit = True
    await serving
    return {
        "visitors": count,
        "messages": sum(len(visitor.sent) for visitor in visitors),
        "attempts": tally.attempts,
        "cut": tally.cut,
        "event_streams_cut": tally.feed_cut,
        "seconds": round(seconds, 1),
        "problems": {name: number for name, number in tally.problems.items() if number},
        "written_for_when_all_vanished": writing,
        "freed_after_seconds": round(freed, 2),
    }


def main() -> None:
    """Print the result as JSON; exit 1 when anything was lost, doubled or kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path)
    parser.add_argument("--visitors", type=int, default=200)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with prepared(given.home) as home:
        result = asyncio.run(measure(home, given.visitors, given.turns, given.at_once, given.seed))
    print(json.dumps(result, indent=2))
    sys.exit(bool(result["problems"]) or result["freed_after_seconds"] > FREED_SECONDS)


if __name__ == "__main__":
    main()
