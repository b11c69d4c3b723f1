"""Files and folders to documents. Every file is parsed in a separate process that is killed when it takes too much.

Knows which files there are and how to survive bad ones; nothing of what is inside them (retrieval/parse_*.py).
"""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import retrieval
from retrieval.documents import Document, Section
from retrieval.failures import NothingToIngest
from retrieval.parsing import ParseLimits

SUPPORTED = (
    ".md",
    ".markdown",
    ".txt",
    ".html",
    ".htm",
    ".pdf",
    ".docx",
    ".csv",
    ".jsonl",
    ".csv.gz",
    ".jsonl.gz",
)
_LONGEST_LINE = 200 << 20  # bytes of one answer of the parser
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read: where it is, its name relative to what was given, and the source it belongs to."""

    file: Path
    name: str
    source: str
    in_folder: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, or a row or page of it, that could not be read, and why."""

    path: str
    error: str


def list_files(paths: Sequence[Path], source: str | None) -> tuple[list[SourceFile], list[Failure]]:
    """The readable files among and below `paths`, in a fixed order, and the given ones that cannot be read.

    In folders hidden files, other file types and links that lead out of the folder are skipped. `source`
    defaults to the name of the file or folder given. Raises NothingToIngest for a path that does not exist.
    """
    files: list[SourceFile] = []
    failures: list[Failure] = []
    for given in paths:
        path = Path(os.path.abspath(given.expanduser()))  # a link keeps its own name
        if not path.exists():
            raise NothingToIngest(given)
        name = source or path.name or str(path)
        if path.is_dir():
            found = _below(path.resolve())
            files.extend(SourceFile(file, inner, name, True) for file, inner in found)
            if not found:
                failures.append(Failure(str(given), f"holds no file of a type that is read: {' '.join(SUPPORTED)}"))
        elif not stat.S_ISREG(path.stat().st_mode):
            failures.append(Failure(str(given), "is not a regular file"))
        elif not is_supported(path):
            failures.append(Failure(str(given), f"has a type that is not read; read are {' '.join(SUPPORTED)}"))
        else:
            files.append(SourceFile(path, path.name, name, False))
    return list(dict.fromkeys(files)), failures


def is_supported(path: Path) -> bool:
    """Whether the file's name says a type that is read."""
    return path.name.lower().endswith(SUPPORTED)


def _below(folder: Path) -> list[tuple[Path, str]]:
    """Files and their names relative to the folder."""
    found: list[tuple[Path, str]] = []
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and is_supported(path) and _stays_inside(path, folder):
                found.append((path, path.relative_to(folder).as_posix()))
    return found


def _stays_inside(path: Path, folder: Path) -> bool:
    try:
        real = path.resolve(strict=True)
        return real.is_relative_to(folder) and stat.S_ISREG(real.stat().st_mode)
    except (OSError, RuntimeError):
        return False  # a broken link, or one that leads to itself


class Reader:
    """Reads files with one parser process, replaced when it dies or has to be killed. Use as a context manager."""

    def __init__(self, limits: ParseLimits | None = None) -> None:
        self._limits = limits or ParseLimits()
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: deque[bytes] = deque()
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def read(self, file: SourceFile) -> Iterator[Document | Failure]:
        """The documents of one file as they are parsed, and a Failure for each thing in it that could not be read."""
        shown = str(file.file)
        try:
            for message in self._answers(file):
                if "document" in message:
                    yield _document(message["document"])
                elif "problem" in message:
                    yield Failure(shown, message["problem"])
                elif "error" in message:
                    yield Failure(shown, message["error"])
                    if message.get("restart"):
                        self._stop()
        except _GaveUp as error:
            yield Failure(shown, str(error))

    def _answers(self, file: SourceFile) -> Iterator[dict[str, Any]]:
        """Messages for one file up to its end. The time that the caller takes between them does not count."""
        process = self._process or self._start()
        request = {"file": str(file.file), "name": file.name, "source": file.source}
        finished = False
        try:
            self._ask(process, request)
            waited = 0.0
            while not finished:
                started = time.monotonic()
                left = self._limits.wall_seconds - waited
                message = json.loads(self._line(process, min(left, self._limits.silent_seconds)))
                waited += time.monotonic() - started
                finished = "done" in message or "error" in message
                yield message
        finally:
            if not finished:  # killed, crashed, or the caller stopped half way
                self._stop()

    def _ask(self, process: subprocess.Popen[bytes], request: dict[str, str]) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError as error:
            raise _GaveUp(f"could not be read: the parser {_ending(process)}") from error

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> bytes:
        assert process.stdout is not None
        deadline = time.monotonic() + seconds
        parts = [self._rest]
        size = 0
        while not self._lines:
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _GaveUp(f"was given up: no progress for {seconds:.0f} s while reading it")
            data = os.read(process.stdout.fileno(), _CHUNK)
            if not data:
                raise _GaveUp(f"could not be read: the parser {_ending(process)}")
            size += len(data)
            if size > _LONGEST_LINE:
                raise _GaveUp(f"gives more than {_LONGEST_LINE >> 20} MiB of text")
            parts.append(data)
            if b"\n" in data:
                *lines, self._rest = b"".join(parts).split(b"\n")
                self._lines.extend(lines)
        return self._lines.popleft()

    def _start(self) -> subprocess.Popen[bytes]:
        # Only what Python needs: the parser of untrusted files sees none of this process' secrets.
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(Path(retrieval.__file__).parent.parent),
            "PYTHONUTF8": "1",
        }
        self._lines.clear()
        self._rest = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "retrieval.parse_process", json.dumps(asdict(self._limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


class _GaveUp(Exception):
    """The parser process died or was too slow; the message says so in plain words."""


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.wait()
    if code == -signal.SIGXCPU:
        return "used up the processor time a file may take"
    if code < 0:
        return f"crashed on it ({signal.Signals(-code).name})"
    return f"stopped on it (exit {code})"


def _document(data: dict[str, Any]) -> Document:
    sections = tuple(Section(**{**s, "heading_path": tuple(s["heading_path"])}) for s in data["sections"])
    return Document(**{**data, "sections": sections, "answers": tuple(data["answers"]), "tags": tuple(data["tags"])})
