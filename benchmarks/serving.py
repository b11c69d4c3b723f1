"""A real `assistant serve` in a process of its own, and a customer who talks to it over HTTP.

For benchmarks only; knows the HTTP contract and nothing of what is inside the server.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 600
NO_LIMITS = {
    "ASSISTANT_MESSAGES_PER_MINUTE": "1000000",
    "ASSISTANT_ADDRESS_MESSAGES_PER_MINUTE": "1000000",
    "ASSISTANT_CONVERSATIONS_PER_MINUTE": "1000000",
    "ASSISTANT_REQUESTS_PER_MINUTE": "1000000",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `started_in` is in seconds."""

    process: subprocess.Popen[bytes]
    url: str
    started_in: float

    def kill(self) -> float:
        """kill -9, then wait until its children are gone too; returns the seconds that took."""
        children = _children(self.process.pid)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        started = time.monotonic()
        while any(Path(f"/proc/{child}").exists() for child in children):
            if time.monotonic() - started > 30:
                raise RuntimeError(f"children {children} of the killed server still run")
            time.sleep(0.02)
        return time.monotonic() - started


@contextmanager
def server(home: Path, log: Path, **environment: str) -> Iterator[Server]:
    """`assistant serve` on a free port with the rates out of the way; stopped at the end, if it still runs."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("assistant")), "--home", str(home), "serve", "--port", str(port)]
    started = time.monotonic()
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | NO_LIMITS | environment)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(lambda: process.poll() is None, url, log)
        yield Server(process, url, time.monotonic() - started)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass(frozen=True, slots=True)
class Customer:
    """One conversation."""

    id: str
    token: str

    async def say(
        self, client: httpx.AsyncClient, text: str, client_message_id: str | None = None
    ) -> AsyncGenerator[tuple[str, Any]]:
        """(event name, data) as they come."""
        body = {"text": text} | ({"client_message_id": client_message_id} if client_message_id else {})
        path = f"/api/v1/conversations/{self.id}/messages"
        async with client.stream("POST", path, json=body, headers=self.headers) as answer:
            if answer.status_code != 200:
                raise RuntimeError(f"{answer.status_code}: {(await answer.aread()).decode()}")
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))

    @property
    def headers(self) -> dict[str, str]:
        """The proof that the conversation is ours."""
        return {"Authorization": f"Bearer {self.token}"}


async def customer(client: httpx.AsyncClient) -> Customer:
    """Begin a conversation."""
    answer = await client.post("/api/v1/conversations")
    answer.raise_for_status()
    return Customer(answer.json()["id"], answer.json()["token"])


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(runs: Callable[[], bool], url: str, log: Path, seconds: float = START_SECONDS) -> None:
    """Until /readyz says so; raises RuntimeError when the process ends instead."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not runs():
            raise RuntimeError(f"the server ended:\n{log.read_text()[-2000:]}")
        try:
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"the server was not ready after {seconds} s:\n{log.read_text()[-2000:]}")


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    direct = [int(child) for child in listed]
    return direct + [below for child in direct for below in _children(child)]
