"""Acknowledged messages a second, beside the disk's own rate of fsync in the same run.

python -m benchmarks.store_throughput [--url postgresql+psycopg://...] [--seconds 5]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

from assistant.store import Store

THREADS = (1, 4, 16)


def syncs_per_second(folder: Path, seconds: float) -> float:
    """How often the disk can make 4 KB durable, one after the other."""
    file = os.open(folder / "probe", os.O_WRONLY | os.O_CREAT)
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        os.pwrite(file, b"x" * 4096, count % 256 * 4096)
        os.fdatasync(file)
        count += 1
    rate = count / (time.perf_counter() - began)
    os.close(file)
    return rate


def messages_per_second(store: Store, threads: int, seconds: float) -> tuple[float, float]:
    """Acknowledged customer messages a second, and the slowest one in ms; each thread has its own conversation."""
    counts, slowest = [0] * threads, [0.0] * threads
    end = time.perf_counter() + seconds

    def customer(number: int) -> None:
        conversation = store.create_conversation(channel="benchmark").id
        while (began := time.perf_counter()) < end:
            store.add_customer_message(conversation, "Where is my parcel?", str(counts[number]))
            slowest[number] = max(slowest[number], time.perf_counter() - began)
            counts[number] += 1

    running = [threading.Thread(target=customer, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(counts) / seconds, max(slowest) * 1000


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="an empty database; by default a temporary SQLite file")
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"fdatasync of 4 KB: {syncs_per_second(Path(folder), given.seconds):8.0f} /s")
        store = Store(given.url or f"sqlite:///{folder}/throughput.db")
        for threads in THREADS:
            rate, slowest = messages_per_second(store, threads, given.seconds)
            print(f"{threads:3} threads: {rate:8.0f} messages/s, slowest {slowest:.0f} ms")
        store.close()


if __name__ == "__main__":
    main()
