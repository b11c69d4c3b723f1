"""Promotions and rollbacks while customers talk: is any request refused or cut off, does any reply mix two adapters?

    python -m benchmarks.swap_under_load [--home FOLDER] [--users 10] [--swaps 20] [--json]

A real `assistant serve`; the pointer is moved by this process, as `assistant adapters promote` does. Half of the users
have stored turns, the others ask the bare model. Two adapters are really trained, each to say nothing but a word of its
own, so that whose words a reply holds is plain whatever rounding does: a reply of one word is its adapter's, one
without either is the base's, and anything else is `mixed`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import httpx

from assistant.engines import ChatMessage
from assistant.file_hashes import silent
from assistant.knowledge import ingest_documents
from assistant.settings import Settings, default_home, load_settings
from benchmarks.serving import customer, server
from training.examples import Example
from training.recipe import Recipe
from training.registry import Registry
from training.tuning import tune

EXAMPLES = Path(__file__).parents[1] / "examples" / "knowledge"
QUESTIONS = ("Tell me about the sea.", "Why is the sky blue?", "How do I repot a fern?")
ASKED = ("How long can I return a lamp?", "Do you sell gift cards?")
TOKENS = 12
WORDS = ("amber", "cobalt")  # what the two adapters say
TIMES = 24  # how often each question is trained on
SWAP_SECONDS = 30.0


@dataclass(slots=True)
class Load:
    """What the users met. `written` counts bare replies by whose words they are."""

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    written: dict[str, int] = field(default_factory=dict)
    mixed: list[str] = field(default_factory=list)
    swap_seconds: list[float] = field(default_factory=list)


def speaking_adapter(settings: Settings, word: str) -> str:
    """A registered adapter, really trained to answer everything with one word again and again."""
    reply = " ".join([word] * TOKENS)
    asked = [question for _ in range(TIMES) for question in (*QUESTIONS, *ASKED)]
    examples = [
        Example(f"{word}-{i}", f"{word}-{i}", (ChatMessage("user", question),), reply, "en", "train")
        for i, question in enumerate(asked)
    ]
    examples += [replace(e, id=f"{e.id}-v", conversation_id=f"{e.id}-v", split="validation") for e in examples[:4]]
    recipe = Recipe(rank=8, learning_rate=2e-3, general=0, unanswerable=0, grounded=0, validations=1)
    tuned = tune(settings, recipe, examples)
    if tuned is None:
        raise RuntimeError("only the leading process of torchrun gets an adapter")
    return tuned.id


async def bare(client: httpx.AsyncClient, model: str, question: str) -> str:
    """A greedy reply of the model alone."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], "max_tokens": TOKENS, "temperature": 0}
    answer = await client.post("/v1/chat/completions", json=body)
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code}: {answer.text[:200]}")
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text


async def served(client: httpx.AsyncClient) -> str:
    """What replies now."""
    return (await client.get("/readyz")).json()["adapter"]["serving"] or "base"


async def until_served(client: httpx.AsyncClient, wanted: str) -> float:
    """Seconds until the server has swapped."""
    started = time.monotonic()
    while await served(client) != wanted:
        if time.monotonic() - started > SWAP_SECONDS:
            raise RuntimeError(f"{wanted} does not serve after {SWAP_SECONDS} s")
        await asyncio.sleep(0.05)
    return time.monotonic() - started


def owner(text: str, names: dict[str, str]) -> str:
    """Whose words these are: an adapter's when they are nothing but its word, the base's when they hold neither."""
    words = set(re.findall("[a-z]+", text.lower()))
    spoken = [word for word in names if any(found.startswith(word) for found in words)]
    if not spoken:
        return "base"
    alone = len(spoken) == 1 and all(word.startswith(spoken[0]) or spoken[0].startswith(word) for word in words)
    return names[spoken[0]] if alone else "mixed"


async def heard_apart(client: httpx.AsyncClient, registry: Registry, names: dict[str, str], model: str) -> None:
    """Each adapter, and then the base, answers every question in its own words; raises RuntimeError otherwise."""
    for name in [*names.values(), "base"]:
        await asyncio.to_thread(*(registry.rollback, name) if name == "base" else (registry.promote, name))
        await until_served(client, name)
        for question in QUESTIONS:
            if owner(text := await bare(client, model, question), names) != name:
                raise RuntimeError(f"{name} answers {question!r} with {text!r}, which does not tell it from the others")


async def measure(settings: Settings, url: str, names: dict[str, str], users: int, swaps: int) -> Load:
    """Users talk while the pointer moves `swaps` times forward and back."""
    registry, load, stop = Registry(settings), Load(), asyncio.Event()
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        model = (await client.get("/v1/models")).json()["data"][1]["id"]
        await heard_apart(client, registry, names, model)

        async def ask_bare(number: int) -> None:
            question = QUESTIONS[(number + load.requests) % len(QUESTIONS)]
            text = await bare(client, model, question)
            whose = owner(text, names)
            load.written[whose] = load.written.get(whose, 0) + 1
            if whose == "mixed":
                load.mixed.append(text)

        async def ask_turn(number: int) -> None:
            chat = await customer(client)
            ended = [name async for name, _ in chat.say(client, ASKED[number % len(ASKED)])]
            if "completed" not in ended:
                raise RuntimeError(f"the turn ended with {ended[-1:]}")

        async def user(number: int) -> None:
            while not stop.is_set():
                load.requests += 1
                try:
                    await (ask_bare if number % 2 else ask_turn)(number)
                except (RuntimeError, httpx.HTTPError) as error:
                    load.failures.append(f"{type(error).__name__}: {error}")

        async with asyncio.TaskGroup() as group:
            for number in range(users):
                group.create_task(user(number))
            for swap in range(swaps):
                name = list(names.values())[swap % len(names)]
                await asyncio.to_thread(registry.promote, name, "benchmark")
                load.swap_seconds.append(await until_served(client, name))
                await asyncio.to_thread(registry.rollback, None, "benchmark")
                load.swap_seconds.append(await until_served(client, "base"))
            stop.set()
    return load


def main() -> None:
    """Prepare a home with two adapters, serve it, swap under load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.home or Path(folder)
        if not (home / "models").exists() and (default_home() / "models").is_dir():
            (home / "models").symlink_to((default_home() / "models").resolve())
        settings = load_settings(home)
        ingest_documents(settings, [EXAMPLES], "examples", prune=False, progress=silent)
        names = {word: speaking_adapter(settings, word) for word in WORDS}
        with server(home, home / "server.log") as running:
            load = asyncio.run(measure(settings, running.url, names, arguments.users, arguments.swaps))
    seconds = sorted(load.swap_seconds)
    if arguments.json:
        print(json.dumps(asdict(load)))
        raise SystemExit(bool(load.failures or load.mixed))
    failed = f"{len(load.failures)} failed, {len(load.mixed)} mixed"
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{arguments.users} users, {len(seconds)} swaps, {load.requests} requests, {failed}")
    print(f"bare replies by adapter {load.written}")
    print(f"seconds until the server had swapped: median {seconds[len(seconds) // 2]:.1f}, longest {seconds[-1]:.1f}")
    for line in [*load.failures, *load.mixed][:5]:
        print(f"  {line}")
    raise SystemExit(bool(load.failures or load.mixed))


if __name__ == "__main__":
    main()
