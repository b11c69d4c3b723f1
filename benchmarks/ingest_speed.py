"""Ingest throughput, query latency and quality side by side with LangChain and LlamaIndex, in one run.

The same 3,000 travel questions with answers, the same model folder, from a file on disk to an index on disk; the
judged set is the web applications FAQ. Rounds alternate between the systems; medians are compared. Each system
runs in a process of its own, the peers in a virtual environment of their own that this script makes. On a machine
that does other work too, compare the processor time (with --threads 1, so that no thread spins while it waits).

python -m benchmarks.ingest_speed [--rounds 3] [--documents 3000] [--threads N] [--embedder FOLDER] [--json]
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("ASSISTANT_DATA", ROOT.parent / "shared" / "data"))
PEERS = ROOT / ".venv-peers"
SYSTEMS = ("assistant", "langchain", "llamaindex")
Row = dict[str, Any]


def travel_faq(count: int) -> list[Row]:
    """The first `count` questions and answers, spread over all hotels, restaurants and attractions."""
    with gzip.open(DATA / "travel_faq" / "knowledge.json.gz", "rt", encoding="utf-8") as stream:
        knowledge = json.load(stream)
    rows = [
        {
            "id": f"{domain}-{entity}-{number}",
            "question": doc["title"],
            "answers": [doc["body"]],
            "entity": about["name"] or None,
        }
        for domain, entities in knowledge.items()
        for entity, about in entities.items()
        for number, doc in about["docs"].items()
    ]
    step = max(1, len(rows) // count)
    return rows[::step][:count]


def write_rows(path: Path, rows: Sequence[Row]) -> str:
    """Write rows as JSON Lines; gives the path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def jsonl(path: Path) -> list[Row]:
    """The objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def peers_python() -> str:
    """The peers' interpreter; makes their environment at the first call.

    It sees this environment's packages behind its own, so that both sides run the very same torch.
    """
    python = PEERS / "bin" / "python"
    if not (PEERS / "complete").exists():
        print(f"installing the peers into {PEERS} (a few minutes, once)", file=sys.stderr)
        venv.create(PEERS, with_pip=True, clear=True)
        site = PEERS / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        (site / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
        install = [str(python), "-m", "pip", "install", "-q", "-r", str(ROOT / "benchmarks" / "peers-requirements.txt")]
        subprocess.run(install, check=True, stdout=sys.stderr)
        (PEERS / "complete").touch()
    return str(python)


def run_assistant(job: Row) -> Row:
    """Our side of the job, as benchmarks/ingest_peers.py does the peers'."""
    from benchmarks.ingest_peers import timed
    from retrieval.embed import load_embedder
    from retrieval.ingest import ingest
    from retrieval.search import Retriever

    embedder = load_embedder(job["embedder"], job["threads"])
    folder = Path(job["folder"])
    ingest([Path(job["warm_up"])], None, embedder, folder / "warm-up")
    stages: dict[str, float] = {}
    began = last = time.perf_counter()
    spent = processor_seconds()

    def note(stage: str, done: int, total: int) -> None:
        nonlocal last
        stages[stage] = stages.get(stage, 0.0) + time.perf_counter() - last
        last = time.perf_counter()

    report = ingest([Path(job["documents"])], None, embedder, folder / "documents", note)
    seconds, processor = time.perf_counter() - began, processor_seconds() - spent
    if report.failed or report.added != job["count"]:
        raise SystemExit(f"not all documents were ingested: {report}")
    retriever = Retriever(embedder, folder / "documents")
    retriever.search(job["timed_queries"][0], 10)
    query_ms = timed(lambda q: [h.passage.id for h in retriever.search(q, 10).hits], job["timed_queries"])
    ranked: list[list[str]] = []
    if job["queries"]:
        ingest([Path(job["judged"])], None, embedder, folder / "judged")
        results = Retriever(embedder, folder / "judged").search_many(job["queries"], 10)
        ranked = [list(dict.fromkeys(h.passage.document_id for h in r.hits)) for r in results]
    about = {"seconds": seconds, "processor_seconds": processor, "stages": stages}
    return about | {"query_ms": query_ms, "ranked": ranked}


def processor_seconds() -> float:
    """Processor time of this process and of those it started and saw end."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def run_system(name: str, job: Row) -> Row:
    """One system at the job, in a fresh process with a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "job.json")
        path.write_text(json.dumps(job | {"folder": folder}), encoding="utf-8")
        if name == "assistant":
            command = [sys.executable, "-m", "benchmarks.ingest_speed", "--job", str(path)]
        else:
            command = [peers_python(), str(ROOT / "benchmarks" / "ingest_peers.py"), name, str(path)]
        quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        threads = {"OMP_NUM_THREADS": str(job["threads"])} if job["threads"] else {}
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ | quiet | threads, check=True, text=True
        )
        answer: Row = json.loads(done.stdout.splitlines()[-1])
        return answer


def ndcg_at_10(ranked: Sequence[Sequence[str]], relevant: Sequence[str]) -> float:
    """Mean nDCG@10 where each query has one relevant document."""
    gains = [
        1 / math.log2(row.index(wanted) + 2) if wanted in row[:10] else 0.0
        for row, wanted in zip(ranked, relevant, strict=True)
    ]
    return statistics.fmean(gains)


def compare(rounds: int, count: int, threads: int, embedder: str) -> Row:
    """Run all systems `rounds` times in turn; medians, quality, and the ratio to each peer."""
    rows = travel_faq(count)
    judged = jsonl(DATA / "webapps_faq" / "faq.jsonl")
    queries = jsonl(DATA / "webapps_faq" / "queries_dev.jsonl")
    results: dict[str, list[Row]] = {name: [] for name in SYSTEMS}
    with tempfile.TemporaryDirectory() as folder:
        job = {
            "embedder": embedder,
            "count": len(rows),
            "threads": threads,
            "documents": write_rows(Path(folder, "travel.jsonl"), rows),
            "warm_up": write_rows(Path(folder, "warm-up.jsonl"), rows[:64]),
            "judged": write_rows(Path(folder, "webapps.jsonl"), judged),
            "timed_queries": [row["question"] for row in rows[:: max(1, len(rows) // 100)]],
        }
        for number in range(rounds):
            for name in SYSTEMS if number % 2 == 0 else SYSTEMS[::-1]:
                asked = [q["query"] for q in queries] if number == 0 else []
                results[name].append(run_system(name, job | {"queries": asked}))
                print(f"round {number + 1}: {name} {results[name][-1]['seconds']:.1f} s", file=sys.stderr)
    summary = {name: summed_up(found, len(rows), [str(q["id"]) for q in queries]) for name, found in results.items()}
    ours = summary["assistant"]
    ratios = {
        name: {
            measure: round(ours[measure] / summary[name][measure], 2)
            for measure in ("documents_per_second", "documents_per_processor_second")
        }
        for name in SYSTEMS[1:]
    }
    return {"documents": len(rows), "rounds": rounds, "threads": threads, "systems": summary, "ratio": ratios}


def summed_up(rounds: Sequence[Row], count: int, relevant: Sequence[str]) -> Row:
    """Medians of one system's rounds, and its quality."""
    seconds = statistics.median(r["seconds"] for r in rounds)
    processor = statistics.median(r["processor_seconds"] for r in rounds)
    query_ms = sorted(ms for r in rounds for ms in r["query_ms"])
    stages = rounds[0].get("stages", {})
    return {
        "documents_per_second": round(count / seconds, 1),
        "documents_per_processor_second": round(count / processor, 1),
        "seconds": [round(r["seconds"], 2) for r in rounds],
        "query_ms_p50": round(statistics.median(query_ms), 1),
        "query_ms_p95": round(query_ms[int(len(query_ms) * 0.95)], 1),
        "ndcg_at_10": round(ndcg_at_10(rounds[0]["ranked"], relevant), 4),
        "stages": {name: round(value, 2) for name, value in stages.items()},
    }


def default_embedder() -> str:
    """The folder of the product's default model, fetched if need be."""
    from assistant.settings import load_settings
    from assistant.weights import ensure_models

    return str(ensure_models(load_settings()).embedder)


def show(result: Row) -> None:
    """The comparison as a table."""
    print(f"{result['documents']} documents, median of {result['rounds']} rounds")
    columns = ("documents/s", "per CPU s", "query p50 ms", "p95 ms", "nDCG@10")
    print(f"{'':12}" + "".join(f"{column:>13}" for column in columns))
    keys = ("documents_per_second", "documents_per_processor_second", "query_ms_p50", "query_ms_p95", "ndcg_at_10")
    for name, about in result["systems"].items():
        print(f"{name:12}" + "".join(f"{about[key]:>13}" for key in keys))
    for name, ratio in result["ratio"].items():
        print(f"{ratio['documents_per_second']}x {name}, by processor time {ratio['documents_per_processor_second']}x")
    print("seconds of the assistant's stages:", result["systems"]["assistant"]["stages"])


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: each system's own choice")
    parser.add_argument("--embedder", help="a sentence-transformers folder; by default the product's")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        print(json.dumps(run_assistant(json.loads(Path(given.job).read_text(encoding="utf-8")))))
        return
    if not (DATA / "travel_faq").is_dir():
        raise SystemExit(f"skipped: no data in {DATA}; set ASSISTANT_DATA to the folder that has travel_faq/")
    result = compare(given.rounds, given.documents, given.threads, given.embedder or default_embedder())
    if given.json:
        print(json.dumps(result))
    else:
        show(result)


if __name__ == "__main__":
    main()
