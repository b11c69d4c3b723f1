"""Kill -9 a real server while customers write, again and again: what it accepted is there, and only once.

    python -m benchmarks.kill_server [--kills 50] [--seconds S] [--cold] [--json]

Customers post messages over HTTP, note each `accepted`, and after a kill post again, under the same client_message_id,
what was not accepted. At the end every conversation is read over HTTP. Each server is a process of its own with its own
connections, forked from one that has imported the program (benchmarks/prefork.py), and its model is a quick one behind
`engine_url`; with `--cold` it is `assistant serve` with the default models, which takes ten times as long. That the
commit has reached the disk before `accepted` is shown by tests/test_durability.py, since a killed process leaves its
writes with the operating system.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import httpx
import uvicorn

from assistant.settings import default_home
from assistant.weights import MULTILINGUAL_FOLDER
from benchmarks.prefork import prefork
from benchmarks.serving import NO_LIMITS, Customer, customer, server
from benchmarks.widget_disconnects import SlowModel

CUSTOMERS = 4
LONGEST_LIFE = 1.5  # seconds from the first `accepted` to the kill
# Small talk is stored and answered at once; the others run retrieval and the model, so kills hit those too.
TEXTS = ("thanks", "hi", "How long do I have to return something?", "thank you", "hello", "Do you ship to France?")


@dataclass
class Sent:
    """What one customer posted and what of it was accepted, by client_message_id."""

    who: Customer
    posted: dict[str, str] = field(default_factory=dict)
    accepted: dict[str, str] = field(default_factory=dict)

    @property
    def unsure(self) -> list[str]:
        """Posted, and then the server was gone."""
        return [client_id for client_id in self.posted if client_id not in self.accepted]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`lost`, `doubled`, `changed` and `gaps` must be 0."""

    kills: int
    accepted: int
    posted_again: int
    stored: int
    lost: int
    doubled: int
    changed: int  # stored under another id or text than was accepted
    gaps: int
    start_seconds_p50: float
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the server kept its word."""
        return not (self.lost or self.doubled or self.changed or self.gaps)


class Running(Protocol):
    """A server that can be killed."""

    @property
    def url(self) -> str:
        """Where it listens."""

    @property
    def started_in(self) -> float:
        """Seconds until it was ready."""

    def kill(self) -> object:
        """kill -9."""


async def write(client: httpx.AsyncClient, sent: Sent, first: asyncio.Event, rng: random.Random) -> int:
    """Post again what was left open, then new messages, until the server is gone; returns how many were repeats."""
    again = sent.unsure
    try:
        for client_id in again:
            await post(client, sent, client_id, first)
        while True:
            client_id = f"m-{len(sent.posted)}"
            sent.posted[client_id] = rng.choice(TEXTS)
            await post(client, sent, client_id, first)
    except (httpx.TransportError, RuntimeError):
        return len(again)


async def post(client: httpx.AsyncClient, sent: Sent, client_id: str, first: asyncio.Event) -> None:
    """One message, read to the end of its stream."""
    async for name, data in sent.who.say(client, sent.posted[client_id], client_id):
        if name == "accepted":
            sent.accepted[client_id] = data["message_id"]
            first.set()


async def life(running: Running, sent: list[Sent], rng: random.Random) -> int:
    """Customers write until the server is killed."""
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=running.url, timeout=60, limits=limits) as client:
        while len(sent) < CUSTOMERS:
            sent.append(Sent(await customer(client)))
        first = asyncio.Event()
        writers = [asyncio.create_task(write(client, one, first, rng)) for one in sent]
        await first.wait()
        await asyncio.sleep(rng.uniform(0, LONGEST_LIFE))
        await asyncio.to_thread(running.kill)
        return sum(await asyncio.gather(*writers))


def check(running: Running, sent: list[Sent]) -> Counter[str]:
    """Read every conversation back and compare."""
    found: Counter[str] = Counter()
    with httpx.Client(base_url=running.url, timeout=60) as client:
        for one in sent:
            stored = read_all(client, one.who)
            found["stored"] += len(stored)
            found["gaps"] += [m["position"] for m in stored] != list(range(1, len(stored) + 1))
            ours = [m for m in stored if m["client_message_id"]]
            found["doubled"] += len(ours) - len({m["client_message_id"] for m in ours})
            replies = Counter(m["in_reply_to"] for m in stored if m["in_reply_to"])
            found["doubled"] += sum(count - 1 for count in replies.values())
            by_id = {m["client_message_id"]: m for m in ours}
            found["lost"] += len(one.accepted.keys() - by_id.keys())
            for client_id, message_id in one.accepted.items():
                if message := by_id.get(client_id):
                    found["changed"] += (message["id"], message["text"]) != (message_id, one.posted[client_id])
    return found


def read_all(client: httpx.Client, who: Customer) -> list[dict[str, Any]]:
    """All messages of a conversation, page by page."""
    path, more = f"/api/v1/conversations/{who.id}/messages", True
    stored: list[dict[str, Any]] = []
    while more:
        query = {"limit": "200"} | ({"after": stored[-1]["id"]} if stored else {})
        page = client.get(path, params=query, headers=who.headers).raise_for_status().json()
        stored += page["messages"]
        more = page["more"]
    return stored


@contextmanager
def cold(home: Path, log: Path) -> Iterator[Callable[[], AbstractContextManager[Running]]]:
    """Starts `assistant serve` anew each time."""
    yield lambda: server(home, log)


@contextmanager
def warm(home: Path, log: Path) -> Iterator[Callable[[], AbstractContextManager[Running]]]:
    """Starts children of one process, with a quick model."""
    with quick_model() as url:
        engine = {"ASSISTANT_ENGINE_URL": url, "ASSISTANT_MODEL": "slow"}
        with prefork(home, log, NO_LIMITS | engine | embedder(home)) as parent:
            yield lambda: nullcontext(parent.start())


@contextmanager
def quick_model() -> Iterator[str]:
    """An OpenAI-compatible server in a thread; gives its URL."""
    model = SlowModel(word_seconds=0.01)
    quick = uvicorn.Server(uvicorn.Config(model.app(), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=quick.run)
    thread.start()
    while not quick.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{quick.servers[0].sockets[0].getsockname()[1]}/v1"
    quick.should_exit = True
    thread.join()


def embedder(home: Path) -> dict[str, str]:
    """The one that loads in a second."""
    return {"ASSISTANT_EMBEDDER": str(home / "models" / MULTILINGUAL_FOLDER)}


def run(kills: int, seconds: float, seed: int, whole: bool) -> Outcome:
    """The whole story in a home of its own; `whole`: cold starts. After `seconds` nothing more is killed."""
    began, rng = time.monotonic(), random.Random(seed)
    sent: list[Sent] = []
    starts: list[float] = []
    again = 0
    with tempfile.TemporaryDirectory() as folder:
        home, log = Path(folder, "home"), Path(folder, "server.log")
        prepare(home, {} if whole else embedder(home))
        with (cold if whole else warm)(home, log) as start:
            while len(starts) < kills and time.monotonic() - began < seconds:
                with start() as running:
                    starts.append(running.started_in)
                    again += asyncio.run(life(running, sent, rng))
                print(f"kill {len(starts)} of {kills}: {sum(len(s.accepted) for s in sent)} accepted", file=sys.stderr)
            with start() as running:
                found = check(running, sent)
    accepted = sum(len(one.accepted) for one in sent)
    return Outcome(
        len(starts), accepted, again, found["stored"], found["lost"], found["doubled"], found["changed"], found["gaps"],
        round(median(starts), 1), round(time.monotonic() - began, 1),
    )  # fmt: skip


def prepare(home: Path, environment: dict[str, str]) -> None:
    """Default models, those of the usual home if it has them, and the example shop's FAQ."""
    home.mkdir(parents=True)
    if (default_home() / "models").is_dir():
        (home / "models").symlink_to((default_home() / "models").resolve())
    assistant = [str(Path(sys.executable).with_name("assistant")), "--home", str(home)]
    knowledge = Path(__file__).parents[1] / "examples" / "knowledge" / "faq.csv"
    for command in (["setup"], ["ingest", str(knowledge), "--source", "examples"]):
        subprocess.run([*assistant, *command], check=True, stdout=sys.stderr, env=os.environ | environment)


def main() -> None:
    """Print the outcome; exit 1 if the server did not keep its word."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="kill nothing more after so long")
    parser.add_argument("--cold", action="store_true", help="start `assistant serve` with the default models each time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    outcome = run(given.kills, given.seconds, given.seed, given.cold)
    lines = [f"{name:>18}: {value}" for name, value in asdict(outcome).items()]
    print(json.dumps(asdict(outcome) | {"passed": outcome.passed}) if given.json else "\n".join(lines))
    sys.exit(0 if outcome.passed else 1)


if __name__ == "__main__":
    main()
