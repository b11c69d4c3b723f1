"""Time and memory of reading and curating large logs.

Reads a made-up help-desk export of a given size (1 GB by default) in both JSON layouts, each in a process of its
own, then curates the real logs of the data folder. Data folder: ASSISTANT_DATA, by default ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.curation_rules import CurationRules
from training.importers import LogReader
from training.logs import curate_files

DATA = Path(os.environ.get("ASSISTANT_DATA") or Path(__file__).parents[1] / ".." / "shared" / "data")
WORDS = (
    "lamp order parcel late address invoice return refund light bulb shade colour cable warranty shop delivery".split()
)


def ticket(number: int) -> dict[str, Any]:
    """A ticket with HTML mail, quoted mail, a signature and a private note, different for each number."""
    words = [WORDS[(number * 7 + i * i) % len(WORDS)] for i in range(60)]
    asked, answered = " ".join(words[:25]), " ".join(words[25:])
    times = [f"2024-03-{1 + number % 28:02}T{hour:02}:00:00Z" for hour in (9, 10, 11)]
    quoted = (
        f'<div class="gmail_quote">On Fri, Mar 1, 2024 at 9:00 AM Customer wrote:<blockquote>{asked}</blockquote></div>'
    )
    comments = [
        {"id": number * 3, "author_id": 1, "public": True, "html_body": f"<p>{asked}?</p>", "created_at": times[0]},
        {"id": number * 3 + 1, "author_id": 2, "public": False, "body": f"note {answered}", "created_at": times[1]},
        {
            "id": number * 3 + 2,
            "author_id": 2,
            "public": True,
            "html_body": f"<p>{answered}.</p><p>Best regards,<br>Support</p>{quoted}",
            "created_at": times[2],
        },
    ]
    return {
        "id": number,
        "requester_id": 1,
        "submitter_id": 1,
        "status": "solved",
        "via": {"channel": "email"},
        "comments": comments,
    }


def write_exports(folder: Path, size: int) -> tuple[Path, Path]:
    """The same tickets as JSON Lines and as one JSON document, about `size` bytes each."""
    lines, document = folder / "tickets.jsonl", folder / "tickets.json"
    number = 0
    with lines.open("w", encoding="utf-8") as a, document.open("w", encoding="utf-8") as b:
        b.write('{"tickets": [')
        while a.tell() < size:
            text = json.dumps(ticket(number))
            a.write(text + "\n")
            b.write((", " if number else "") + text)
            number += 1
        b.write('], "users": [{"id": 2, "name": "Support", "role": "agent"}]}')
    return lines, document


def measured(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of `work` with seconds, CPU seconds and the peak memory of this process in MB."""
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result | {
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_mb": round(peak),
    }


def read(path: Path) -> dict[str, Any]:
    """Read a whole export."""
    reader = LogReader(path)
    conversations = sum(1 for _ in reader)
    return {"file": path.name, "bytes": path.stat().st_size, "conversations": conversations, "failed": reader.failed}


def curated(path: Path) -> dict[str, Any]:
    """Curate a log."""
    curation = curate_files([path], CurationRules())
    counts = {"conversations": curation.conversations, "replies": curation.replies, "examples": len(curation.examples)}
    return {"file": f"{path.parent.name}/{path.name}"} | counts | {"dropped": curation.dropped}


def main() -> None:
    """Print one JSON object a line; `--read` and `--curate` run a single measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--read", type=Path)
    parser.add_argument("--curate", type=Path)
    told = parser.parse_args()
    if told.read:
        print(json.dumps(measured(lambda: read(told.read))), flush=True)
    elif told.curate:
        print(json.dumps(measured(lambda: curated(told.curate))), flush=True)
    else:
        again = [sys.executable, "-m", "benchmarks.importing"]
        with tempfile.TemporaryDirectory() as folder:
            for path in write_exports(Path(folder), told.megabytes * 1_000_000):
                subprocess.run([*again, "--read", str(path)], check=True)
        logs = [DATA / "airline_logs" / "train.jsonl.gz", DATA / "star_logs" / "dialogues.jsonl.gz"]
        for path in filter(Path.exists, logs):
            subprocess.run([*again, "--curate", str(path)], check=True)
        if not DATA.exists():
            print(f"no benchmark data at {DATA}: set ASSISTANT_DATA to its folder", file=sys.stderr)


if __name__ == "__main__":
    main()
