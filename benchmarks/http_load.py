"""What customers wait for, through real HTTP on the real model, with 12,039 travel questions as knowledge.

    python -m benchmarks.http_load [--home FOLDER] [--questions 40] [--json]

One at a time: first text and whole turn against a bare call of the same engine with the same prompt, asked in turns,
so that both see the same machine and the same prompt cache; overhead is the turn as the customer sees it less the
time spent waiting for the model (/metrics: assistant_model_seconds); `longer_than_bare_ms` is what the turns whose
reply is word for word the bare call's took longer than it. Then 1, 4 and 16 customers at once: whole turns, and the
model alone through /v1/chat/completions for tokens per second. `--home` keeps the index for the next run.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from assistant.engines import ChatMessage, Engine, Sampling
from assistant.engines.choose import open_engine
from assistant.prompt import render
from assistant.settings import load_settings
from assistant.understand import understand
from assistant.wiring import build_retriever
from assistant.writing import STOP, Writer
from benchmarks.serving import customer, server
from retrieval.search import Retriever

DATA = Path(os.environ.get("ASSISTANT_DATA", Path(__file__).parents[2] / "shared" / "data"))
KNOWLEDGE = DATA / "travel_faq" / "knowledge.json.gz"
USERS = (1, 4, 16)
MODEL_TOKENS = 64  # of each reply when the model alone is measured
WARM_UP = 3  # questions that are asked but not counted


@dataclass(frozen=True, slots=True)
class Bare:
    """Seconds of the engine alone with a turn's prompt, and what it wrote."""

    first: float
    whole: float
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Seconds of one turn as the customer saw them, and of the model within it."""

    first_text: float
    whole: float
    model: float
    text: str
    bare: Bare | None = None

    @property
    def overhead(self) -> float:
        """Everything except waiting for the model, be the model busy meanwhile or not."""
        return self.whole - self.model


@dataclass(frozen=True, slots=True)
class Load:
    """What `users` at once saw; milliseconds, tokens a second over all of them."""

    users: int
    asked: int
    answered: int
    first_text_p50: float
    first_text_p95: float
    whole_p50: float
    turns_per_second: float
    model_tokens_per_second: float


def knowledge() -> list[dict[str, Any]]:
    """The travel questions in the contract's FAQ form."""
    with gzip.open(KNOWLEDGE, "rt", encoding="utf-8") as stream:
        domains = json.load(stream)
    return [
        {
            "id": f"{domain}-{entity}-{number}",
            "question": doc["title"],
            "answer": doc["body"],
            "entity": about["name"] or None,
        }
        for domain, entities in domains.items()
        for entity, about in entities.items()
        for number, doc in about["docs"].items()
    ]


def prepare(home: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Models and index, unless they are there already."""
    assistant = [str(Path(sys.executable).with_name("assistant")), "--home", str(home)]
    subprocess.run([*assistant, "setup"], check=True, stdout=subprocess.DEVNULL)
    if not (home / "index" / "CURRENT").exists():
        home.mkdir(parents=True, exist_ok=True)
        faq = home / "travel.jsonl"
        faq.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        subprocess.run([*assistant, "ingest", str(faq), "--source", "travel"], check=True, stdout=sys.stderr)


def questions(rows: Sequence[dict[str, Any]], count: int, seed: int) -> list[str]:
    """Questions that name their subject, each once, the same on every run."""
    named = [row for row in rows if row["entity"]]
    chosen = random.Random(seed).sample(named, count)
    return [f"{row['question'].rstrip('?')} at {row['entity']}?" for row in chosen]


class Site:
    """The server under test, seen from outside."""

    def __init__(self, client: httpx.AsyncClient, engine: Engine) -> None:
        self.client, self.engine = client, engine

    async def ask(self, text: str) -> Turn:
        """One turn in a new conversation; `model` is 0 here, see `ask_alone`."""
        who = await customer(self.client)
        started = time.perf_counter()
        first = 0.0
        async with aclosing(who.say(self.client, text)) as events:
            async for name, data in events:
                if name == "delta" and not first:
                    first = time.perf_counter() - started
                elif name == "completed":
                    whole = time.perf_counter() - started
                    return Turn(first, whole, 0.0, data["reply"])
                elif name == "error":
                    raise RuntimeError(f"{text!r}: {data}")
        raise RuntimeError(f"{text!r}: the stream ended early")

    async def ask_alone(self, text: str) -> Turn | None:
        """A turn with nobody else there, so that the model's seconds are its own; None if the model was not asked."""
        before = await self.model_seconds()
        turn = await self.ask(text)
        after = await self.model_seconds()
        if after[1] == before[1]:
            return None
        return replace(turn, model=after[0] - before[0])

    async def model_seconds(self) -> tuple[float, float]:
        """(sum, count) of assistant_model_seconds."""
        text = (await self.client.get("/metrics")).text
        found = [re.search(rf"^assistant_model_seconds_{part} (\S+)", text, re.M) for part in ("sum", "count")]
        total, count = (float(match[1]) for match in found if match)
        return total, count

    async def complete(self, text: str) -> int:
        """A reply of the model alone; the number of its tokens."""
        body = {
            "model": self.engine.model,
            "messages": [{"role": "user", "content": f"Write a long story about this: {text}"}],
            "max_tokens": MODEL_TOKENS,
            "temperature": 0,
        }
        answer = (await self.client.post("/v1/chat/completions", json=body)).raise_for_status().json()
        tokens: int = answer["usage"]["completion_tokens"]
        return tokens


async def bare_call(writer: Writer, retriever: Retriever, text: str) -> Bare:
    """The engine alone with the prompt that the turn renders for `text`."""
    settings = writer.settings
    messages = [ChatMessage("user", text)]
    understood = understand(messages)
    found = retriever.search(understood.topic, settings.top_k, said=understood.said, alone=understood.question)
    hits = writer.fitting(found.hits[: settings.prompt_passages])
    prompt = render(writer.window(messages), hits, settings.company, understood.language)
    started = time.perf_counter()
    sampling = Sampling(settings.max_reply_tokens, settings.temperature, stop=STOP)
    generation = await writer.engine.generate(prompt, sampling)
    first, said = 0.0, ""
    async with aclosing(generation.pieces) as pieces:
        async for piece in pieces:
            first = first or time.perf_counter() - started
            said += piece
    return Bare(first, time.perf_counter() - started, said.strip())


async def one_at_a_time(site: Site, writer: Writer, retriever: Retriever, texts: Sequence[str]) -> list[Turn]:
    """Each question through HTTP and bare, by turns."""
    turns: list[Turn] = []
    for number, text in enumerate(texts):
        bare = await bare_call(writer, retriever, text)
        turn = await site.ask_alone(text)
        if turn is not None and number >= WARM_UP:
            turns.append(replace(turn, bare=bare))
    return turns


async def at_once(site: Site, users: int, texts: Sequence[str]) -> Load:
    """`users` customers, each asking one question after the other; then as many readers of the model alone."""
    queue = list(texts)
    turns: list[Turn] = []

    async def user() -> None:
        while queue:
            turns.append(await site.ask(queue.pop()))

    started = time.perf_counter()
    await asyncio.gather(*(user() for _ in range(users)))
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    tokens = sum(await asyncio.gather(*(_stories(site, texts[n]) for n in range(users))))
    model_seconds = time.perf_counter() - started
    first = milliseconds([turn.first_text for turn in turns])
    return Load(
        users=users,
        asked=len(texts),
        answered=len(turns),
        first_text_p50=first["p50"],
        first_text_p95=first["p95"],
        whole_p50=milliseconds([turn.whole for turn in turns])["p50"],
        turns_per_second=round(len(turns) / seconds, 2),
        model_tokens_per_second=round(tokens / model_seconds, 1),
    )


async def _stories(site: Site, text: str) -> int:
    return sum([await site.complete(text) for _ in range(2)])


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    return {f"p{q}": round(float(np.percentile(seconds, q)) * 1000, 1) for q in (50, 95)}


async def measure(url: str, home: Path, texts: list[str]) -> dict[str, Any]:
    """All figures; the bare engine and the search for its prompts live in this process."""
    settings = load_settings(home)
    engine = open_engine(settings)
    retriever = build_retriever(settings)
    writer = Writer(engine, retriever.embedder, settings)
    try:
        async with httpx.AsyncClient(base_url=url, timeout=600) as client:
            site = Site(client, engine)
            alone = await one_at_a_time(site, writer, retriever, texts)
            loads = [await at_once(site, users, texts[: max(12, 2 * users)]) for users in USERS]
    finally:
        await engine.close()
    first, bare = milliseconds([t.first_text for t in alone]), milliseconds([t.bare.first for t in alone if t.bare])
    same = [t.whole - t.bare.whole for t in alone if t.bare and t.bare.text == t.text]
    return {
        "turns": len(alone),
        "first_text_ms": first,
        "bare_first_ms": bare,
        "first_text_ratio_p50": round(first["p50"] / bare["p50"], 3),
        "first_text_ratio_paired_p50": round(
            float(np.median([t.first_text / t.bare.first for t in alone if t.bare])), 3
        ),
        "overhead_ms": milliseconds([t.overhead for t in alone]),
        "longer_than_bare_ms": milliseconds(same) | {"turns": len(same)},
        "at_once": [asdict(load) for load in loads],
        "tokens_per_second_16_against_1": round(
            loads[-1].model_tokens_per_second / loads[0].model_tokens_per_second, 2
        ),
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if not KNOWLEDGE.exists():
        raise SystemExit(f"skipped: there is no {KNOWLEDGE}; set ASSISTANT_DATA to the folder that has travel_faq/")
    rows = knowledge()
    with tempfile.TemporaryDirectory() as folder:
        home = (given.home or Path(folder, "home")).expanduser().resolve()
        prepare(home, rows)
        texts = questions(rows, max(given.questions, 2 * max(USERS)) + WARM_UP, seed=7)
        with server(home, Path(folder, "server.log")) as running:
            report = asyncio.run(measure(running.url, home, texts))
            report["documents"], report["start_seconds"] = len(rows), round(running.started_in, 1)
    print(json.dumps(report) if given.json else json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
