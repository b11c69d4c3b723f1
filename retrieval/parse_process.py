"""The process that parses: reads requests from stdin, writes documents to stdout, one JSON object a line.

Started by retrieval/readers.py, which kills it when a file takes too long. It limits its own memory and
processor time, cannot write files, and dies with its parent. Knows nothing of models or indexes.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retrieval.documents import Document, fields_of
from retrieval.parse_faq import BadRow, FaqFile, read_rows
from retrieval.parsing import Alive, Parsed, ParseLimits, Unreadable

Send = Callable[[dict[str, Any]], None]
Parser = Callable[[Path, ParseLimits, Alive], Parsed]

_FAQ = (".csv", ".jsonl", ".csv.gz", ".jsonl.gz")
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve requests `{"file", "name", "source"}` until stdin closes. argv[1]: the limits as JSON."""
    limits = ParseLimits(**json.loads(sys.argv[1]))
    _confine(limits)
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # whatever a parser prints does not mix with the answers

    def send(message: dict[str, Any]) -> None:
        out.write(json.dumps(message, default=fields_of) + "\n")

    for line in sys.stdin:
        _allow_processor_time(limits)
        _serve(json.loads(line), limits, send)
        out.flush()


def _serve(request: dict[str, str], limits: ParseLimits, send: Send) -> None:
    """Answer one request: `document` and `problem` lines, then `done` or `error`."""
    try:
        _read(request, limits, send)
        send({"done": True})
    except Unreadable as error:
        send({"error": str(error)})
    except MemoryError:
        send({"error": f"needs more than {limits.memory_bytes >> 20:,} MiB of memory to read", "restart": True})
    except RecursionError:
        send({"error": "is nested too deeply to read", "restart": True})
    except OSError as error:
        send({"error": f"cannot be opened: {error.strerror or error}"})
    except Exception as error:  # a parser's own fault must cost one file, not the whole ingest
        send({"error": f"is damaged: {type(error).__name__}: {error}"})


def _read(request: dict[str, str], limits: ParseLimits, send: Send) -> None:
    path, name, source = Path(request["file"]), request["name"], request["source"]
    alive = _heartbeat(send)
    if path.name.lower().endswith(_FAQ):
        for found in read_rows(FaqFile(path, name, source), limits, alive):
            if isinstance(found, BadRow):
                send({"problem": f"line {found.line}: {found.reason}"})
            else:
                send({"document": found})
        return
    if path.stat().st_size > limits.file_bytes:
        raise Unreadable(f"is larger than {limits.file_bytes >> 20:,} MiB")
    parsed = _parser(path.suffix.lower())(path, limits, alive)
    if not parsed.sections:
        raise Unreadable("holds no text")
    for problem in parsed.problems:
        send({"problem": problem})
    send({"document": _document(parsed, name, source)})


def _parser(suffix: str) -> Parser:
    """Imported when first needed: together they take a second, and most folders need one."""
    if suffix == ".pdf":
        from retrieval.parse_pdf import parse_pdf

        return parse_pdf
    if suffix == ".docx":
        from retrieval.parse_docx import parse_docx

        return parse_docx
    if suffix in (".html", ".htm"):
        from retrieval.parse_html import parse_html

        return parse_html
    from retrieval.parse_text import parse_md, parse_txt

    return parse_txt if suffix == ".txt" else parse_md


def _document(parsed: Parsed, name: str, source: str) -> Document:
    return Document(
        id=name,
        title=parsed.title,
        source=source,
        path=name,
        sections=parsed.sections,
        url=parsed.url,
        entity=parsed.entity,
        language=parsed.language,
        tags=parsed.tags,
        date=parsed.date,
    )


def _heartbeat(send: Send) -> Alive:
    """At most one sign of life a second."""
    last = time.monotonic()

    def alive() -> None:
        nonlocal last
        if time.monotonic() - last > 1:
            last = time.monotonic()
            send({"alive": True})

    return alive


def _confine(limits: ParseLimits) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _allow_processor_time(limits: ParseLimits) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + limits.cpu_seconds + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))


if __name__ == "__main__":
    main()
