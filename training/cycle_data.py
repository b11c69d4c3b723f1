"""What one learning cycle trains on and is judged by: approved replies, screened, held out, and at most so many.

Knows the store, curation and the screening; nothing of training or of the gate.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from assistant.heard import open_intents
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_approvals import approve_rated_good
from assistant.store_held_out import frozen
from assistant.wiring import build_embedder, build_reader
from training.cases import Case
from training.curate import Curation, Progress, curate, no_progress
from training.dataset import with_unanswerable
from training.dataset_version import DatasetVersion, examples_hash, examples_of, open_version, save_version
from training.examples import Example, with_validation
from training.held_out import JudgedBy, is_held_out, without_likes
from training.logged import Logged
from training.logs import curation_rules, stored_logs
from training.poisoning import Finding, Said, mismatched, said_in, screen
from training.retrieved import with_knowledge

UNANSWERABLE_CASES = 12
SEED = 17
SPARE = 1.25  # cases more than the gate needs at least: some are too long, some customers are forgotten
MOST_HELD_OUT = 0.25  # of a small log


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything approved, after the screening: examples to learn from, held-out ones, and what looked planted."""

    learn: tuple[Example, ...]
    held_out: tuple[Example, ...]
    curation: Curation
    findings: tuple[Finding, ...]
    approved: frozenset[str]  # ids of all replies that may be learnt from


def gather(settings: Settings, store: Store, last_cycle: datetime | None, progress: Progress = no_progress) -> Gathered:
    """Curate what is approved and look for what was planted since `last_cycle`."""
    if settings.approve_rule == "rated_good":
        approve_rated_good(store)
    groups = frozen(store).values()
    aside = {case.conversation_id for group in groups for case in group}
    said: list[Said] = []

    def watched() -> Iterator[Logged]:
        for logged in stored_logs(store):
            said.extend(said_in(logged, last_cycle))
            if is_held_out(logged.key, settings.held_out_share):
                aside.add(logged.id)
            yield logged

    curation = curate(watched(), curation_rules(settings), progress=progress)
    findings = screen(said)
    planted = {id for finding in findings for id in finding.message_ids}
    rest = [one for one in said if planted.isdisjoint(one.message_ids)]
    if last_cycle is not None and (odd := mismatched(rest, build_embedder(settings))):
        findings.append(odd)
    examples = with_knowledge(curation.examples, settings)
    if not groups:
        aside |= _top_up(examples, aside, settings.gate_least_cases)
    learn = tuple(example for example in examples if example.conversation_id not in aside)
    held_out = tuple(example for example in examples if example.conversation_id in aside)
    approved = frozenset(id for one in said for id in one.message_ids)
    return Gathered(learn, held_out, curation, tuple(findings), approved)


def _top_up(examples: Sequence[Example], aside: Collection[str], least: int) -> set[str]:
    """More conversations to hold out of a small log before anything is trained on it: up to MOST_HELD_OUT of it."""
    count = sum(example.conversation_id in aside for example in examples)
    wanted = min(round(least * SPARE), int(len(examples) * MOST_HELD_OUT))
    more: set[str] = set()
    for example in sorted(examples, key=lambda e: hashlib.sha256(e.conversation_id.encode()).hexdigest()):
        if example.conversation_id in aside or (count >= wanted and example.conversation_id not in more):
            continue
        more.add(example.conversation_id)
        count += 1
    return more


def choose(examples: Sequence[Example], seen: frozenset[str], most: int) -> list[Example]:
    """At most `most` examples: two thirds new ones, the rest a replay of earlier ones; either fills up for the other.

    `seen` are the ids that earlier cycles trained on. The order within each is a fixed shuffle, so that a replay covers
    all times.
    """
    order = sorted(examples, key=lambda example: hashlib.sha256(example.id.encode()).hexdigest())
    new = [example for example in order if example.id not in seen]
    old = [example for example in order if example.id in seen]
    room = max(most - len(old), round(most * 2 / 3))
    taken = new[:room]
    return taken + old[: most - len(taken)]


def save_data(settings: Settings, gathered: Gathered, cases: Sequence[Case], earlier: Sequence[str]) -> DatasetVersion:
    """Write the data set of a cycle; `earlier` are the data sets of the cycles before. Raises InvalidInput."""
    seen = frozenset(id for version in earlier for id in _ids(datasets(settings) / version))
    learn = with_validation(choose(without_likes(gathered.learn, cases), seen, settings.cycle_examples))
    dropped = Counter(gathered.curation.dropped)
    dropped["held_out"] = len(gathered.held_out)
    dropped["over_limit"] += len(gathered.learn) - len(learn)
    rules = curation_rules(settings).to_dict()
    return save_version(datasets(settings), learn, rules, +dropped, [])


def hash_of(settings: Settings, gathered: Gathered) -> str:
    """Tells whether anything that could be learnt from changed since an earlier cycle."""
    return examples_hash([*gathered.learn, *gathered.held_out])


def datasets(settings: Settings) -> Path:
    """Where the data sets of all cycles live."""
    return settings.home / "datasets"


def read_data(settings: Settings, version: str) -> list[Example]:
    """The verified examples of a data set; raises NotFound or InvalidInput."""
    folder = datasets(settings) / version
    open_version(folder)
    return list(examples_of(folder))


def _ids(folder: Path) -> Iterator[str]:
    """Ids of a data set's examples; none when it was removed because a customer was forgotten."""
    return (example.id for example in examples_of(folder)) if folder.exists() else iter(())


def slices_of(judged: JudgedBy) -> dict[str, tuple[str, ...]]:
    """The groups that each case belongs to: its set, its language, whether it has a history and passages."""
    return {
        case.id: (
            judged.sets[case.id],
            f"language {case.language}",
            "one turn" if len(case.messages) == 1 else "several turns",
            *(("with passages",) if case.passages else ()),
        )
        for case in judged.cases
    }


def with_intents(
    settings: Settings, store: Store, cases: Sequence[Case], slices: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """The groups with each question's intent among them, where intents were learnt."""
    embedder = build_reader(settings)
    model = open_intents(settings, store, embedder)
    if model is None or not cases:
        return dict(slices)
    questions = [case.messages[-1].content for case in cases]
    found = model.classify(embedder.encode_queries(questions), questions)
    return {
        case.id: (*slices[case.id], f"intent {intent.name if intent else 'out of scope'}")
        for case, intent in zip(cases, found, strict=True)
    }


def unanswerable_cases(cases: Sequence[Case]) -> list[Case]:
    """Held-out questions with passages of other questions: the right reply is that one does not know."""
    able = [case.example() for case in cases if case.passages]
    made = with_unanswerable(able, 1.0, SEED)[len(able) :]
    return [
        Case(example.id, example.messages, example.reply, example.passages, unanswerable=True)
        for example in made[:UNANSWERABLE_CASES]
    ]
