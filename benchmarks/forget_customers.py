"""Fifty customers are erased from a home that knows them everywhere: is one byte of theirs left, do receipts tell true?

    python -m benchmarks.forget_customers [--customers 50] [--kept 30] [--json]

Each customer has a word of their own in an imported log, a live chat, a rating's comment, a reason of a hand-over, data
sets, exports (plain and packed), a cached page, a run's result and a backup. One adapter learnt from all of them, one
only from customers who stay. Another process holds the database open meanwhile, as a server does.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from assistant.conversation import ImportedConversation, ImportedMessage, Reply
from assistant.settings import Settings, load_settings
from assistant.store import Store
from assistant.store_approvals import approve_reply
from assistant.tables_learning import RunRow
from tests.tiny_models import tiny_llama
from training.examples import Example, with_validation
from training.forget import forget
from training.logs import curate_store, curation_rules, export_logs
from training.recipe import Recipe
from training.tuning import Tuned, tune

LETTERS = str.maketrans("0123456789", "ghijklmnop")
RECIPE = Recipe(
    rank=4, batch=8, epochs=0.25, validations=1, validation_examples=4, general=0.0, grounded=0.0, unanswerable=0.0
)
READER = """
import sys
from assistant.store import Store
store = Store(sys.argv[1])
with store.reading() as session:
    session.connection().exec_driver_sql("SELECT count(*) FROM messages").scalar()
print("open", flush=True)
sys.stdin.read()
"""


def name_of(number: int) -> str:
    """The customer's id."""
    return f"shopper-{number:04}"


def canary(number: int, place: str) -> str:
    """A word that only one customer has, and only in one place, of letters so that masking leaves it."""
    return f"zq{sha256(f'{number} {place}'.encode()).hexdigest()[:14].translate(LETTERS)}"


def said(number: int) -> tuple[ImportedMessage, ...]:
    """A logged conversation, of another length for each, so that rows move in the file."""
    things = " ".join(canary(number, f"thing {i}") for i in range(6 + number % 37))
    asked = f"where is my {canary(number, 'log')} lamp with {things}?"
    return (ImportedMessage("customer", asked), ImportedMessage("person", f"The lamp with {things} left today.", "Kim"))


def chat(store: Store, number: int) -> str:
    """A live chat in which everything is stored that can be; returns its id."""
    id = store.create_conversation(channel="widget", customer_id=name_of(number)).id
    long = f"And the {canary(number, 'live')} shade? {'Please look that up. ' * (number % 60)}"
    asked, _ = store.add_customer_message(id, long)
    text = f"The {canary(number, 'reply')} shade is here."
    reply = Reply(text, "answer", (), 0.9, None, "en", "none", None, {}, {"question": long})
    answered = store.add_reply(id, asked.id, reply)
    store.rate(answered.id, -1, f"no {canary(number, 'rating')}")
    store.request_person(id, f"wants {canary(number, 'person')}")
    store.set_satisfaction(id, 1, f"never again {canary(number, 'comment')} in my life")
    return id


def fill(settings: Settings, customers: list[int], kept: set[int]) -> tuple[str, str]:
    """Logs, chats, adapters, data sets, exports, cache, runs and a backup; ids of the two adapters."""
    store = Store(settings.sqlalchemy_url)
    store.import_conversations(
        ImportedConversation("zendesk", f"z{number}", said(number), customer_id=name_of(number)) for number in customers
    )
    for transcript in list(store.iter_conversations()):
        approve_reply(store, transcript.messages[-1].id, "Kim")
    chats = {number: chat(store, number) for number in customers}
    examples = curate_store(store, curation_rules(settings)).examples
    stays = {f"where is my {canary(number, 'log')}" for number in kept}
    others = [e for e in examples if any(e.messages[-1].content.startswith(known) for known in stays)]
    adapters = (_tuned(settings, examples).id, _tuned(settings, others).id)
    for folder in ("exports", "cache", "backups"):
        (settings.home / folder).mkdir()
    export_logs(store, settings.home / "exports" / "all.jsonl")
    export_logs(store, settings.home / "exports" / "openai.jsonl", "openai")
    with gzip.open(settings.home / "exports" / "packed.jsonl.gz", "wb") as file:
        file.write((settings.home / "exports" / "all.jsonl").read_bytes())
    for number in customers:
        page = f"<p>where is my {canary(number, 'log')} lamp</p><p>{chats[number]}</p>"
        (settings.home / "cache" / f"{number}.html").write_text(page, "utf-8")
        with store.writing() as session:
            session.add(RunRow(trigger="schedule", state="finished", result={"chat": chats[number]}))
    store.empty_log()
    shutil.copy(settings.home / "assistant.db", settings.home / "backups" / "monday.db")
    store.close()
    return adapters


def _tuned(settings: Settings, examples: Any) -> Tuned:
    learnt: list[Example] = with_validation([replace(example, split="train") for example in examples])
    made = tune(settings, RECIPE, learnt)
    if made is None:
        raise RuntimeError("this benchmark runs in one process")
    return made


def hits(home: Path, words: list[bytes]) -> list[str]:
    """Files and the words in them, also in packed ones; base models, which the home only borrows, are left out."""
    found = []
    for path in sorted(home.rglob("*")):
        if path.is_file() and "models" not in path.relative_to(home).parts:
            data = path.read_bytes()
            data += gzip.decompress(data) if data.startswith(b"\x1f\x8b") else b""
            found += [f"{path.relative_to(home)}: {word.decode()}" for word in words if word in data]
    return found


@contextmanager
def held_open(settings: Settings) -> Iterator[None]:
    """Another process with a connection to the database."""
    command = [sys.executable, "-c", READER, settings.sqlalchemy_url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin is not None and reader.stdout is not None
        reader.stdout.readline()
        yield
        reader.stdin.close()


def main() -> None:
    """Fill a home, forget, look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=50, help="to erase")
    parser.add_argument("--kept", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    numbers = list(range(asked.customers + asked.kept))
    random.Random(3).shuffle(numbers)
    gone, kept = numbers[: asked.customers], set(numbers[asked.customers :])
    places = ("log", "live", "reply", "rating", "person", "comment", *(f"thing {i}" for i in range(42)))
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(Path(folder) / "home", model=str(tiny_llama(Path(folder))))
        settings.home.mkdir(exist_ok=True)
        everyone, others = fill(settings, sorted(numbers), kept)
        words = [canary(number, place).encode() for number in gone for place in places]
        words += [name_of(number).encode() for number in gone]
        before = len(hits(settings.home, words))
        with held_open(settings):
            started = time.monotonic()
            receipts = [forget(settings, name_of(number)) for number in gone]
            seconds = time.monotonic() - started
            left = hits(settings.home, words)
        told = [receipt["adapters"]["blocked"] for receipt in receipts]
        alive = [number for number in kept if not hits(settings.home, [canary(number, "live").encode()])]
    outcome = {
        "erased": len(receipts),
        "hits_before": before,
        "hits_after": len(left),
        "left": left[:20],
        "receipts_right": sum(blocked == [everyone] for blocked in told),
        "other_adapter_blocked": sum(others in blocked for blocked in told),
        "files_left_by_receipts": sorted({name for receipt in receipts for name in receipt["left"]}),
        "kept_customers_lost": len(alive),
        "seconds_each": round(seconds / len(receipts), 2),
    }
    print(json.dumps(outcome) if asked.json else "\n".join(f"{name}: {value}" for name, value in outcome.items()))


if __name__ == "__main__":
    main()
