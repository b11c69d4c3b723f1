"""Kill -9 the real server while customers write, again and again: what it accepted is there, and only once.

    python -m benchmarks.kill_server [--kills 50] [--json]

The server is `assistant serve` with the real models and the example knowledge base. Customers post messages over
HTTP, note each `accepted`, and after a kill post again, under the same client_message_id, what was not accepted.
At the end every conversation is read over HTTP. That the commit has reached the disk before `accepted` is shown by
tests/test_durability.py, since a killed process leaves its writes with the operating system.
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
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.serving import Customer, Server, customer, server

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


async def life(running: Server, sent: list[Sent], rng: random.Random) -> int:
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


def check(running: Server, sent: list[Sent]) -> Counter[str]:
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


def run(kills: int, seed: int) -> Outcome:
    """The whole story in a home of its own."""
    began, rng = time.monotonic(), random.Random(seed)
    sent: list[Sent] = []
    starts: list[float] = []
    again = 0
    with tempfile.TemporaryDirectory() as folder:
        home, log = Path(folder, "home"), Path(folder, "server.log")
        prepare(home)
        for number in range(kills):
            with server(home, log) as running:
                starts.append(running.started_in)
                again += asyncio.run(life(running, sent, rng))
            print(f"kill {number + 1} of {kills}: {sum(len(s.accepted) for s in sent)} accepted", file=sys.stderr)
        with server(home, log) as running:
            found = check(running, sent)
    accepted = sum(len(one.accepted) for one in sent)
    return Outcome(
        kills, accepted, again, found["stored"], found["lost"], found["doubled"], found["changed"], found["gaps"],
        round(median(starts), 1), round(time.monotonic() - began, 1),
    )  # fmt: skip


def prepare(home: Path) -> None:
    """Default models and the example knowledge base."""
    assistant = [str(Path(sys.executable).with_name("assistant")), "--home", str(home)]
    knowledge = Path(__file__).parents[1] / "examples" / "knowledge"
    for command in (["setup"], ["ingest", str(knowledge), "--source", "examples"]):
        subprocess.run([*assistant, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    """Print the outcome; exit 1 if the server did not keep its word."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    outcome = run(given.kills, given.seed)
    lines = [f"{name:>18}: {value}" for name, value in asdict(outcome).items()]
    print(json.dumps(asdict(outcome) | {"passed": outcome.passed}) if given.json else "\n".join(lines))
    sys.exit(0 if outcome.passed else 1)


if __name__ == "__main__":
    main()
