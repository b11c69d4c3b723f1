"""A real HTTP server on loopback that speaks as much of the OpenAI chat API as a test needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


def chunk(text: str | None = None, finish: str | None = None) -> bytes:
    """One server-sent chunk of a streamed chat completion."""
    delta = {"content": text} if text is not None else {}
    body = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


@dataclass
class FakeOpenAI:
    """Answers every POST with `status`, `headers` and `parts` (with `pause` between); remembers what was asked."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    pause: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    asked_headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    open: int = 0
    broken_off: int = 0
    url: str = ""

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        self.open += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            self.paths.append(first.split(" ")[1])
            self.asked_headers.append(headers)
            self.asked.append(json.loads(await reader.readexactly(int(headers["content-length"]))))
            extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            writer.write(f"HTTP/1.1 {self.status} X\r\nConnection: close\r\n{extra}\r\n".encode())
            for part in self.parts:
                writer.write(part)
                await writer.drain()
                await self._pause_or_leave(reader)
        except ConnectionError:
            self.broken_off += 1
        finally:
            self.open -= 1
            writer.close()

    async def _pause_or_leave(self, reader: asyncio.StreamReader) -> None:
        """Wait `pause`; raises ConnectionResetError as soon as the other side hangs up."""
        if not self.pause:
            return
        try:
            async with asyncio.timeout(self.pause):
                if await reader.read(1) == b"":
                    raise ConnectionResetError
        except TimeoutError:
            return


@asynccontextmanager
async def fake_openai(**answers: Any) -> AsyncGenerator[FakeOpenAI]:
    """The fake server, listening; its `url` ends in /v1."""
    fake = FakeOpenAI(**answers)
    server = await asyncio.start_server(fake.serve_one, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield fake
    finally:
        server.close()
        await server.wait_closed()
