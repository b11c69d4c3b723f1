"""A server process that starts in a second: a child of a process that has imported everything already.

The child runs the same `ui.serving.serve` as `assistant serve`, with memory, engine and store of its own, and can be
killed like any other. For benchmarks that need many starts; knows nothing of what is asked of the server.

    python -m benchmarks.prefork HOME   (one line on stdin, a port, starts one child and prints its process id)
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.serving import free_port, wait_until_ready


@dataclass(frozen=True, slots=True)
class Child:
    """A running server; `started_in` is in seconds."""

    pid: int
    url: str
    started_in: float

    def kill(self) -> None:
        """kill -9; its parent reaps it."""
        os.kill(self.pid, signal.SIGKILL)
        while self.runs():
            time.sleep(0.01)

    def runs(self) -> bool:
        """Whether the process is there."""
        return Path(f"/proc/{self.pid}").exists()


@dataclass(frozen=True, slots=True)
class Parent:
    """The process that forks servers."""

    process: subprocess.Popen[str]
    log: Path

    def start(self) -> Child:
        """Fork one server and wait until it is ready."""
        port, started = free_port(), time.monotonic()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{port}\n")
        self.process.stdin.flush()
        child = Child(int(self.process.stdout.readline()), f"http://127.0.0.1:{port}", 0)
        wait_until_ready(child.runs, child.url, self.log)
        return Child(child.pid, child.url, time.monotonic() - started)


@contextmanager
def prefork(home: Path, log: Path, environment: Mapping[str, str]) -> Iterator[Parent]:
    """A parent for servers of one home; its servers end with it."""
    command = [sys.executable, "-m", "benchmarks.prefork", str(home)]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, env={**os.environ, **environment},
            text=True,
        )  # fmt: skip
    try:
        yield Parent(process, log)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def _serve(home: Path, port: int) -> None:
    """What a child does until it is killed."""
    from assistant.settings import load_settings
    from ui.serving import serve

    asyncio.run(serve(load_settings(home), "127.0.0.1", port, lambda url: None))


def _parent(home: Path, orders: IO[str]) -> None:
    import ui.serving  # noqa: F401 - what takes long

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # killed children leave no zombies
    children = []
    for line in orders:
        pid = os.fork()
        if not pid:
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                _serve(home, int(line))
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(1)
        children.append(pid)
        print(pid, flush=True)
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _parent(Path(sys.argv[1]), sys.stdin)
