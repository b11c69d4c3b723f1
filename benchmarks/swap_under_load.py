"""Promotions and rollbacks while customers talk: is any request refused or cut off, does any reply mix two adapters?

    python -m benchmarks.swap_under_load [--home FOLDER] [--users 10] [--swaps 20] [--json]

A real `assistant serve`; the pointer is moved by this process, as `assistant adapters promote` does. Half of the users
have stored turns, the others ask the bare model, greedily, so that each adapter (random, strong weights) and the base
have their own known replies: those are collected first, under the same load without swaps. A reply that is none of them
and begins like one adapter's counts as mixed or as rounding of a different batch; both are reported as `unknown`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
import numpy as np
import torch
from peft import LoraConfig

from assistant.base_model import base_model
from assistant.file_hashes import silent
from assistant.knowledge import ingest_documents
from assistant.settings import Settings, default_home, load_settings
from benchmarks.serving import customer, server
from training.adapter_files import AdapterOrigin, write_adapter
from training.lora import TrainingFigures, TrainingResult
from training.recipe import Recipe
from training.registry import Registry
from training.run_state import Point

EXAMPLES = Path(__file__).parents[1] / "examples" / "knowledge"
QUESTIONS = ("Tell me about the sea.", "Why is the sky blue?", "How do I repot a fern?")
ASKED = ("How long can I return a lamp?", "Do you sell gift cards?")
TOKENS = 12
RANK, WIDTH, HIDDEN, LAYERS = 4, 576, 1536, 30  # of SmolLM2-135M
SWAP_SECONDS = 30.0


@dataclass(slots=True)
class Load:
    """What the users met. `written` counts bare replies by whose known reply they are."""

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    written: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    swap_seconds: list[float] = field(default_factory=list)


def random_adapter(settings: Settings, name: str, seed: int) -> str:
    """A registered adapter that changes replies a lot."""
    random = np.random.default_rng(seed)
    weights = {}
    for layer in range(LAYERS):
        place = f"base_model.model.model.layers.{layer}.mlp.up_proj.lora"
        weights[f"{place}_A.weight"] = torch.from_numpy(random.normal(0, 0.3, (RANK, WIDTH)).astype(np.float32))
        weights[f"{place}_B.weight"] = torch.from_numpy(random.normal(0, 0.3, (HIDDEN, RANK)).astype(np.float32))
    config = LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=RANK, target_modules=["up_proj"])
    figures = TrainingFigures(1, 1, {}, {}, name, 1, 1, False, 1, 1.0, 1.0, 1.0, 1.0, 1.0, (Point(1, 1.0, 1.0, 0.0),))
    origin = AdapterOrigin(name, base_model(settings), Recipe(), settings.company)
    write_adapter(settings.adapters_folder, origin, TrainingResult(weights, config, figures))
    return Registry(settings).add(name, None).id


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


async def known_replies(client: httpx.AsyncClient, registry: Registry, names: list[str], model: str, users: int):
    """Each adapter's replies to each question as they come under load."""
    known: dict[str, dict[str, set[str]]] = {}
    for name in ["base", *names]:
        if name != "base":
            await asyncio.to_thread(registry.promote, name)
        await until_served(client, name)
        known[name] = defaultdict(set)
        for at_once in (1, 2, 3, 4, users // 2, users):  # rounding depends on what else is in the batch
            asked = [question for question in QUESTIONS for _ in range(at_once)]
            random.shuffle(asked)
            texts = await asyncio.gather(*(bare(client, model, question) for question in asked))
            for question, text in zip(asked, texts, strict=True):
                known[name][question].add(text)
    await asyncio.to_thread(registry.rollback, "base")
    await until_served(client, "base")
    return known


async def measure(settings: Settings, url: str, names: list[str], users: int, swaps: int) -> Load:
    """Users talk while the pointer moves `swaps` times forward and back."""
    registry, load, stop = Registry(settings), Load(), asyncio.Event()
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        model = (await client.get("/v1/models")).json()["data"][1]["id"]
        known = await known_replies(client, registry, names, model, users)

        async def ask_bare(number: int) -> None:
            question = QUESTIONS[(number + load.requests) % len(QUESTIONS)]
            text = await bare(client, model, question)
            owners = [name for name, replies in known.items() if text in replies[question]]
            if len(owners) == 1:
                load.written[owners[0]] += 1
            else:
                load.unknown.append(text)

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
                name = names[swap % len(names)]
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
        names = [random_adapter(settings, f"swap-{seed}-{int(time.time())}", seed) for seed in (1, 2)]
        with server(home, home / "server.log") as running:
            load = asyncio.run(measure(settings, running.url, names, arguments.users, arguments.swaps))
    seconds = sorted(load.swap_seconds)
    if arguments.json:
        print(json.dumps(asdict(load)))
        return
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{arguments.users} users, {len(seconds)} swaps, {load.requests} requests, {len(load.failures)} failed")
    print(f"bare replies by adapter {dict(load.written)}, unknown {len(load.unknown)}")
    print(f"seconds until the server had swapped: median {seconds[len(seconds) // 2]:.1f}, longest {seconds[-1]:.1f}")
    for line in [*load.failures, *load.unknown][:5]:
        print(f"  {line}")


if __name__ == "__main__":
    main()
