"""Kill -9 a process while it stores messages, again and again: nothing acknowledged is lost, nothing doubled.

    python -m benchmarks.kill_during_writes --kills 50 [--url postgresql+psycopg://...] [--json]

Each writer process runs several customers in threads. A customer sends a message and its reply, prints each
acknowledgement, and after a kill sends again what was not acknowledged, under the same client_message_id,
as a browser would. Killing proves atomicity and order, not that data reached the disk:
tests/test_durability.py proves the fsync.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from assistant.conversation import Reply
from assistant.errors import NotFound
from assistant.store import Store

CUSTOMERS = 4
LONGEST_LIFE = 0.6  # seconds between the first acknowledgement and the kill
REPLY = Reply("Yes.", "answer", (), 0.9, None, "en", "model", None, {"total": 1.0}, {"question": "?", "hits": []})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found after the last kill; `lost`, `doubled`, `gaps` and `orphans` must be 0."""

    kills: int
    acknowledged: int  # messages and replies
    stored: int
    resent: int  # sent again after a kill and already stored
    lost: int
    doubled: int
    gaps: int
    orphans: int  # replies without a trace
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, doubled or torn."""
        return not (self.lost or self.doubled or self.gaps or self.orphans)


def write_forever(url: str, conversations: list[str], starts: list[int]) -> None:
    """The process to be killed: prints `<customer> <number> <message id> <reply id> <new>` per acknowledgement."""
    store = Store(url)

    def customer(number: int) -> None:
        n = starts[number]
        while True:
            message, new = store.add_customer_message(conversations[number], f"message {n}", str(n))
            _acknowledge(number, n, message.id, "-", int(new))
            reply = store.add_reply(conversations[number], message.id, REPLY)
            _acknowledge(number, n, message.id, reply.id, 1)
            n += 1

    for number in range(len(conversations)):
        threading.Thread(target=customer, args=(number,)).start()


def _acknowledge(*values: object) -> None:
    # One write of one short line: lines of several threads neither mix nor wait in a buffer.
    os.write(1, (" ".join(map(str, values)) + "\n").encode())


def run(url: str, kills: int, seed: int = 0) -> Outcome:
    """Start and kill `kills` writers on the database at `url`, then look for every acknowledged message."""
    began = time.perf_counter()
    chance = random.Random(seed)
    store = Store(url)
    conversations = [store.create_conversation(channel="benchmark").id for _ in range(CUSTOMERS)]
    store.close()
    acknowledged: dict[str, str] = {}  # id -> conversation
    starts, resent = [1] * CUSTOMERS, 0
    for _ in range(kills):
        for line in _one_life(url, conversations, starts, chance.uniform(0, LONGEST_LIFE)):
            customer, number, message_id, reply_id, new = line.split()
            acknowledged[message_id] = conversations[int(customer)]
            resent += new == "0"
            if reply_id != "-":
                acknowledged[reply_id] = conversations[int(customer)]
                starts[int(customer)] = int(number) + 1
    return _inspect(url, conversations, acknowledged, kills, resent, began)


def _one_life(url: str, conversations: list[str], starts: list[int], life: float) -> list[str]:
    """Whole lines that one writer printed before it was killed, `life` seconds after the first."""
    command = [sys.executable, "-m", __name__ if __name__ != "__main__" else "benchmarks.kill_during_writes"]
    command += ["--write", json.dumps({"url": url, "conversations": conversations, "starts": starts})]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    assert process.stdout is not None
    first = process.stdout.readline()
    if not first:
        raise RuntimeError(f"the writer ended by itself with exit code {process.wait()}")
    # A reader of its own: the pipe must not fill up while this thread sleeps.
    rest: list[str] = []
    reader = threading.Thread(target=lambda: rest.append(process.stdout.read() if process.stdout else ""))
    reader.start()
    time.sleep(life)
    process.send_signal(signal.SIGKILL)
    process.wait()
    reader.join()
    process.stdout.close()
    lines = (first + rest[0]).split("\n")
    return lines[:-1]  # the last one is empty or torn


def _inspect(
    url: str, conversations: list[str], acknowledged: dict[str, str], kills: int, resent: int, began: float
) -> Outcome:
    store = Store(url)
    stored: dict[str, str] = {}
    doubled = gaps = orphans = 0
    for conversation in conversations:
        messages = store.messages(conversation, limit=1_000_000)
        gaps += [m.position for m in messages] != list(range(1, len(messages) + 1))
        sent = Counter(m.text for m in messages if m.author == "customer")
        answered = Counter(m.in_reply_to for m in messages if m.author == "assistant")
        doubled += sum(count - 1 for count in (*sent.values(), *answered.values()))
        orphans += sum(not _has_trace(store, m.id) for m in messages if m.author == "assistant")
        stored |= {m.id: conversation for m in messages}
    store.close()
    lost = sum(stored.get(id) != conversation for id, conversation in acknowledged.items())
    seconds = round(time.perf_counter() - began, 1)
    return Outcome(kills, len(acknowledged), len(stored), resent, lost, doubled, gaps, orphans, seconds)


def _has_trace(store: Store, message_id: str) -> bool:
    try:
        return bool(store.trace(message_id))
    except NotFound:
        return False


def main() -> None:
    """Parse the command line, run, print; exit 1 when something was lost, doubled or torn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="an empty database; by default a temporary SQLite file")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--write", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write_forever(**json.loads(given.write))
        return
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(given.url or f"sqlite:///{folder}/kill.db", given.kills, given.seed)
    if given.json:
        print(json.dumps(asdict(outcome)))
    else:
        print(*(f"{name:>13}: {value}" for name, value in asdict(outcome).items()), sep="\n")
        print("passed" if outcome.passed else "FAILED")
    sys.exit(not outcome.passed)


if __name__ == "__main__":
    main()
