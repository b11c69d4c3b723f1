"""How a cycle examines the models and has the gate judge them: the same paper for all, kept in the run's folder.

Knows what a cycle has done so far; nothing of how it trains, or of what follows from the verdict.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.errors import Unavailable
from training.appraisal import BASE
from training.canaries import probes_of
from training.cycle_data import datasets, read_data, slices_of, unanswerable_cases, with_intents
from training.examination import Paper, examine
from training.examined import Examination, read_examination
from training.gate import GateRules, Verdict, judge
from training.held_out import judged_by
from training.registry import Registry
from training.stale_facts import read_stale

if TYPE_CHECKING:
    from training.cycle import Cycle

Result = dict[str, Any]


def paper_of(cycle: Cycle) -> Paper:
    """The cases of this cycle; the same whenever it is resumed."""
    judged = judged_by(cycle.store, (), cycle.settings.gate_cases, cycle.run.started_at)
    cases = judged.cases
    settings, version = cycle.settings, cycle.done["curate"]["version"]
    asked = cases[: settings.gate_replies]
    return Paper(
        cases,
        asked,
        tuple(unanswerable_cases(cases)),
        slices_of(judged),
        turns=asked[: settings.gate_turns],
        stale=read_stale(cycle.folder),
        probes=tuple(probes_of(read_data(settings, version), settings.gate_probes)),
    )


def examine_base(cycle: Cycle, log: list[str]) -> Result:
    """The untuned model."""
    return _examined(cycle, log, "base", BASE)


def examine_serving(cycle: Cycle, log: list[str]) -> Result:
    """What serves now; the base is not examined twice."""
    serving = Registry(cycle.settings).list().serving
    if serving is None:
        log.append("the base serves")
        return cycle.done["examine base"]
    return _examined(cycle, log, "serving", serving)


def examine_candidate(cycle: Cycle, log: list[str]) -> Result:
    """The new adapter."""
    return _examined(cycle, log, "candidate", cycle.done["train"]["adapter"])


def _examined(cycle: Cycle, log: list[str], who: str, adapter: str) -> Result:
    cycle.folder.mkdir(parents=True, exist_ok=True)
    learnt = datasets(cycle.settings) / cycle.done["curate"]["version"] / "train.jsonl"
    examination = examine(cycle.settings, adapter, paper_of(cycle), learnt.read_text("utf-8"), cycle.report)
    examination.save(cycle.folder / f"{who}.json")
    log.append(f"{who}: perplexity {examination.perplexity:.2f} on {len(examination.losses)} cases")
    return _figures(examination)


def _figures(examination: Examination) -> Result:
    replies = examination.of_kind("reply")
    unanswerable = examination.of_kind("unanswerable")

    def mean(values: list[float]) -> float | None:
        return round(float(np.mean(values)), 4) if values else None

    return {
        "adapter": examination.adapter,
        "cases": len(examination.losses),
        "perplexity": round(examination.perplexity, 3),
        "replies": len(replies),
        "rougeL": mean([reply.rougeL for reply in replies]),
        "similarity": mean([reply.similarity for reply in replies]),
        "invention": mean([float(bool(reply.invents)) for reply in unanswerable]),
        "latency_ms": mean([reply.latency_ms for reply in replies]),
    }


def examinations(folder: Path, serving_is_base: bool) -> tuple[Examination, Examination, Examination]:
    """Candidate, serving and base of a run, from its files."""
    names = ("candidate", "base" if serving_is_base else "serving", "base")
    candidate, serving, base = (read_examination(folder / f"{name}.json") for name in names)
    return candidate, serving, base


def gate_step(cycle: Cycle, log: list[str]) -> Result:
    """Judge the candidate."""
    settings = cycle.settings
    serving_is_base = cycle.done["examine serving"]["adapter"] == BASE
    candidate, serving, base = examinations(cycle.folder, serving_is_base)
    rules = GateRules(least_cases=settings.gate_least_cases, loss_margin=settings.gate_margin)
    paper = paper_of(cycle)
    slices = paper.slices
    try:
        slices = with_intents(settings, cycle.store, paper.cases, paper.slices)
    except Unavailable as error:  # customers are answered without intents then, too
        log.append(f"no slices by intent: {error}")
    verdict = judge(candidate, serving, base, slices, rules)
    log += [f"{check.outcome}: {check.words}" for check in verdict.checks]
    return verdict.to_dict() | {"gain": _gains(verdict)}


def _gains(verdict: Verdict) -> Result:
    """The main score's gain over serving and base, with intervals."""
    return {
        check.against: {"mean": check.change.mean, "low": check.change.low, "high": check.change.high}
        for check in verdict.checks
        if check.change is not None and check.name == verdict.checks[0].name
    }
