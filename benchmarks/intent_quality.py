"""How well intents are told apart and how well out of scope is noticed, on the development parts of four public sets.

    python -m benchmarks.intent_quality [banking-10] [banking] [clinc] [hint3] [chinese]    (default: all)

Fits and tunes as `assistant intents import` does and asks as `classify` does. BANKING77: a thousand examples of train
are held out. CLINC150: train and dev. HINT3: a quarter of each bot's examples, every fifth intent wholly, and as
many of the other bots' messages are asked. CrossWOZ: what Chinese travellers ask for.
The sets' own tests are not read; HINT3's are harder than this.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.metrics import matthews_corrcoef

from assistant.intent_scope import all_of, outside_share
from assistant.settings import Settings, load_settings
from assistant.wiring import build_reader
from benchmarks.chinese_sets import chinese_intents
from benchmarks.development_sets import DATA
from retrieval.by_script import Reads
from training.intent_fit import fit_intents
from training.intent_rounds import Taught
from training.intent_training import taught_by
from training.intent_tuning import tune_intents
from training.text_fit import Examples

FOLDER = DATA / "intents"
BOTS = ("curekart", "powerplay11", "sofmattress")
OUTSIDE = ("oos", "NO_NODES_DETECTED")
HELD_OUT = 1000  # of BANKING77's train
SHOTS = 10
SEED = 7

Row = tuple[str, str]  # text and intent; the intents of OUTSIDE are none


@dataclass(frozen=True, slots=True)
class Task:
    """Examples to learn from, and messages to ask."""

    name: str
    learnt: Sequence[Row]
    asked: Sequence[Row]


def rows_of(file: Path) -> list[Row]:
    """Text and intent of each line of a JSONL file, plain or gzipped."""
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    rows = [json.loads(line) for line in raw.decode().splitlines() if line.strip()]
    return [(row["text"], row["intent"]) for row in rows]


def banking(shots: int | None) -> Task:
    """Held-out examples of train, with all the rest or `shots` of each intent to learn from."""
    rows = rows_of(FOLDER / "banking77_train.jsonl.gz")
    order = np.random.default_rng(SEED).permutation(len(rows))
    asked, rest = [rows[i] for i in order[:HELD_OUT]], [rows[i] for i in order[HELD_OUT:]]
    if shots is None:
        return Task("BANKING77", rest, asked)
    seen: dict[str, int] = {}
    learnt = []
    for text, intent in rest:
        seen[intent] = seen.get(intent, 0) + 1
        if seen[intent] <= shots:
            learnt.append((text, intent))
    return Task(f"BANKING77, {shots} an intent", learnt, asked)


def clinc() -> Task:
    """Train and dev as they are."""
    return Task("CLINC150", rows_of(FOLDER / "clinc150_train.jsonl.gz"), rows_of(FOLDER / "clinc150_dev.jsonl.gz"))


def hint3(bot: str) -> Task:
    """One bot's own examples, part of them held out, and strangers' messages."""
    random = np.random.default_rng(SEED)
    rows = rows_of(FOLDER / f"hint3_{bot}_train.jsonl")
    intents = sorted({intent for _, intent in rows})
    left_out = set(random.permutation(intents)[: len(intents) // 5].tolist())
    held = random.random(len(rows)) < 0.25
    known = [(row, out) for row, out in zip(rows, held, strict=True) if row[1] not in left_out]
    learnt = [row for row, out in known if not out]
    taught = {intent for _, intent in learnt}
    asked = [row for row, out in known if out and row[1] in taught]
    asked += [(text, "oos") for text, intent in rows if intent in left_out]
    others = [row for other in BOTS if other != bot for row in rows_of(FOLDER / f"hint3_{other}_train.jsonl")]
    strangers = random.permutation(len(others))[: sum(out for _, out in known) // 2]
    asked += [(others[i][0], "oos") for i in strangers]
    return Task(f"HINT3 {bot}", learnt, asked)


def chinese() -> Task:
    """CrossWOZ: `SHOTS` messages of each intent that has more than twice as many, and all others of these."""
    rows = list(chinese_intents())
    rows = [rows[i] for i in np.random.default_rng(SEED).permutation(len(rows))]
    large = {intent for intent, count in Counter(intent for _, intent in rows).items() if count > 2 * SHOTS}
    seen: dict[str, int] = {}
    learnt: list[Row] = []
    asked: list[Row] = []
    for text, intent in rows:
        if intent in large:
            seen[intent] = seen.get(intent, 0) + 1
            (learnt if seen[intent] <= SHOTS else asked).append((text, intent))
    return Task(f"CrossWOZ, {SHOTS} an intent", learnt, asked)


def measured(task: Task, embedder: Reads, settings: Settings) -> str:
    """Fit, tune, ask, and say how it went."""
    started = time.monotonic()
    taught = learnt_from(task.learnt, embedder)
    number = {name: position for position, name in enumerate(taught.names)}
    fit = fit_intents(taught, lambda *_: None)
    fitted = time.monotonic() - started
    tuned_to = tune_intents(settings, fit.model, taught, lambda *_: None)
    model = replace(fit.model, readers=tuned_to.readers if tuned_to else None)
    tuned = time.monotonic() - started - fitted
    asked = as_examples(task.asked, number, embedder)
    best, _ = model.heads.judge(asked.vectors, asked.texts)
    inside = asked.labels >= 0
    alone = (best == asked.labels)[inside].mean()
    both = best
    if model.readers is not None:
        chances = model.heads.linear.log_chances(asked.vectors, asked.texts)
        both = model.readers.refine(chances, asked.texts)[0].argmax(axis=1)
    together = (both == asked.labels)[inside].mean()
    started = time.monotonic()
    judged = all_of([model.judge(asked.vectors[i : i + 1], asked.texts[i : i + 1]) for i in range(len(asked.texts))])
    milliseconds = (time.monotonic() - started) * 1000 / len(asked.texts)
    itself = refusing(asked.labels, judged.best, judged.taken)
    batch = refusing(asked.labels, judged.best, judged.taken_together())
    return (
        f"{task.name}: {len(task.learnt)} examples of {len(number)} intents fitted in {fitted:.0f} s, "
        f"tuned in {tuned:.0f} s{'' if model.readers else ' (not used)'}; {int(inside.sum())} in scope, right without "
        f"refusals {alone:.3f} by the heads, {together:.3f} with the tuned copy; each by itself {itself}; "
        f"as one batch {batch} (out of scope {outside_share(judged.inside):.3f}, in truth {(~inside).mean():.3f}); "
        f"{milliseconds:.1f} ms a message beyond the embedding"
    )


def refusing(truth: np.ndarray, best: np.ndarray, taken: np.ndarray) -> str:
    """How well it goes with refusals; `truth` -1 is out of scope."""
    found, inside = np.where(taken, best, -1), truth >= 0
    refused = f"{(found[~inside] < 0).mean():.3f} of {int((~inside).sum())}" if (~inside).any() else "none asked"
    return (
        f"{(found == truth)[inside].mean():.3f} right in scope, out of scope refused {refused}, "
        f"MCC {matthews_corrcoef(truth, found):.3f}"
    )


def learnt_from(rows: Sequence[Row], embedder: Reads) -> Taught:
    """Embedded and numbered, as an import does."""
    given = [(text, None if intent in OUTSIDE else intent) for text, intent in rows]
    return taught_by(given, embedder.encode_queries([text for text, _ in rows]), embedder)


def as_examples(rows: Sequence[Row], number: dict[str, int], embedder: Reads) -> Examples:
    """Embedded, the intents as numbers."""
    texts = tuple(text for text, _ in rows)
    labels = np.array([-1 if intent in OUTSIDE else number[intent] for _, intent in rows])
    return Examples(texts, embedder.encode_queries(texts), labels)


def main(wanted: Sequence[str]) -> None:
    """Print a line a set."""
    settings = load_settings()
    embedder = build_reader(settings)
    tasks = {
        "banking-10": lambda: [banking(SHOTS)],
        "banking": lambda: [banking(None)],
        "clinc": lambda: [clinc()],
        "hint3": lambda: [hint3(bot) for bot in BOTS],
        "chinese": lambda: [chinese()],
    }
    with tempfile.TemporaryDirectory() as home:
        Path(home, "models").symlink_to(settings.models_folder.resolve())
        for name in wanted or tasks:
            for task in tasks[name]():
                print(measured(task, embedder, load_settings(Path(home))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
