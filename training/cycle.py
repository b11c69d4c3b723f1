"""One learning cycle, from approved replies to a decision: `run_cycle` reads as the script it is.

Every step's outcome is durable before the next begins, so that a cycle killed at any moment goes on to the same
decision. Knows the order of the steps; what each does is done elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.adapters import adapter_folder, verified_adapter
from assistant.base_model import base_model
from assistant.errors import Conflict
from assistant.prompt import PROMPT_VERSION
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_approvals import revoke_all
from assistant.store_leases import Lease, lease
from assistant.store_runs import Run, begin_step, end_run, end_step, open_run, run, runs
from retrieval.index import current_version
from training.appraisal import BASE
from training.cycle_data import (
    Gathered,
    gather,
    hash_of,
    read_data,
    save_data,
)
from training.cycle_judging import examine_base, examine_candidate, examine_serving, gate_step
from training.examples import Example
from training.gate import NO_BETTER, verdict_from
from training.held_out import judged_by
from training.lineage import read_lineage
from training.lora import TrainingProgress, Watcher
from training.recipe import Recipe
from training.registry import Registry
from training.release_note import write_note
from training.stale_facts import find_stale, save_stale
from training.start import choose_start, going_on
from training.tuning import tune

LEASE = "retrain"
LEAST_EXAMPLES = 20  # with fewer there is nothing to learn but these
LOOKED_BACK = 200  # runs

Report = Callable[[str, int, int | None], None]
Result = dict[str, Any]


def silent(step: str, done: int, total: int | None) -> None:
    """For callers that show no progress."""


def retrain(settings: Settings, trigger: str = "by hand", recipe: Recipe | None = None, report: Report = silent) -> Run:
    """Run one cycle, or the rest of one that was killed; returns the finished run.

    Raises Conflict while another process runs one, and whatever stops a step; the run is then recorded as failed.
    """
    store = Store(settings.sqlalchemy_url)
    try:
        with lease(store, LEASE) as held:
            opened = open_run(store, held, trigger)
            cycle = Cycle(settings, store, held, opened, recipe or Recipe(), report)
            try:
                result = run_cycle(cycle)
            except Conflict:
                raise  # another process goes on with it
            except Exception as error:
                end_run(store, held, opened.id, state="failed", decision=None, result={"error": str(error)})
                raise
            end_run(store, held, opened.id, state="finished", decision=result["decision"], result=result)
            return run(store, opened.id)
    finally:
        store.close()


@dataclass(slots=True)
class Cycle:
    """What the steps share."""

    settings: Settings
    store: Store
    held: Lease
    run: Run
    recipe: Recipe
    report: Report
    done: dict[str, Result] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Files of this run: examinations and the release note."""
        return self.settings.home / "runs" / self.run.id

    def step(self, name: str, work: Callable[[Cycle, list[str]], Result]) -> Result:
        """The result of a step: from an earlier attempt at this run, or by doing it now."""
        earlier = next((step for step in self.run.steps if step.name == name and step.state == "done"), None)
        if earlier is None:
            begin_step(self.store, self.held, self.run.id, name, len(self.done))
            log = [f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} begun"]
            try:
                result = work(self, log)
            except Exception as error:
                lines = "\n".join([*log, f"{type(error).__name__}: {error}"])
                end_step(self.store, self.held, self.run.id, name, state="failed", result={}, log=lines)
                raise
            end_step(self.store, self.held, self.run.id, name, state="done", result=result, log="\n".join(log))
        self.done[name] = dict(earlier.result) if earlier else result
        return self.done[name]


def run_cycle(cycle: Cycle) -> Result:
    """Curate, train, examine candidate, serving adapter and base, judge, promote or refuse, write the note."""
    data = cycle.step("curate", curate_step)
    if data["planted"]:
        cycle.step("quarantine", quarantine_step)
        cycle.step("note", note_step)
    if data["decision"] is not None:
        return _result(cycle, data["decision"], data["reasons"])
    cycle.step("train", train_step)
    cycle.step("examine base", examine_base)
    cycle.step("examine serving", examine_serving)
    cycle.step("examine candidate", examine_candidate)
    cycle.step("gate", gate_step)
    decided = cycle.step("promote", promote_step)
    cycle.step("note", note_step)
    return _result(cycle, decided["decision"], decided["reasons"])


def _result(cycle: Cycle, decision: str, reasons: list[str]) -> Result:
    """What `assistant retrain --json` prints."""
    names = ("candidate", "serving", "base")
    scores = {name: cycle.done[f"examine {name}"] for name in names if f"examine {name}" in cycle.done}
    if "gate" in cycle.done:
        scores["gain"] = cycle.done["gate"]["gain"]
    return {
        "run": cycle.run.id,
        "candidate": cycle.done.get("train", {}).get("adapter"),
        "decision": decision,
        "reasons": reasons,
        "scores": scores,
    }


def curate_step(cycle: Cycle, log: list[str]) -> Result:
    """Gather what is approved, hold out, screen; and tell early when there is nothing to train on."""
    settings, earlier = cycle.settings, _earlier(cycle)
    last = max((past.started_at for past in earlier), default=None)
    found = gather(settings, cycle.store, last, lambda done, total: cycle.report("Masking", done, total))
    judged = judged_by(cycle.store, found.held_out, settings.gate_cases, cycle.run.started_at)
    log.append(f"{found.curation.conversations} conversations, {found.curation.replies} replies")
    log += [f"dropped {count}: {reason}" for reason, count in found.curation.dropped.items()]
    figures: Result = {
        "data_hash": f"{hash_of(settings, found)} {base_model(settings).sha256} {PROMPT_VERSION}",
        "conversations": found.curation.conversations,
        "held_out": len(judged.cases),
        "dropped": dict(found.curation.dropped),
        "knowledge": current_version(settings.index_folder),
        "version": None,
        "decision": None,
        "reasons": [],
        "planted": [],
        "starts": [],
    }
    if found.findings:
        planted = [id for finding in found.findings for id in finding.message_ids]
        return figures | {"decision": "refused", "reasons": _suspicions(found), "planted": planted}
    if (reason := _nothing_to_do(found, figures["data_hash"], earlier)) is not None:
        return figures | {"decision": "nothing_to_do", "reasons": [reason]}
    if len(judged.cases) < settings.gate_least_cases:
        reason = (
            f"only {len(judged.cases)} held-out cases; at least {settings.gate_least_cases} are needed to tell better "
            "from luck (setting gate_least_cases), so nothing was trained"
        )
        return figures | {"decision": "inconclusive", "reasons": [reason]}
    versions = [past for run in earlier if (past := _curated(run).get("version"))]
    version = save_data(settings, found, judged.cases, versions)
    log.append(f"data set {version.id}: {version.examples}, {version.kinds}, {version.languages}")
    stale = find_stale(settings, cycle.store, read_data(settings, version.id), settings.gate_stale)
    save_stale(cycle.folder, stale)
    log.append(f"{len(stale)} questions whose answer the knowledge base changed")
    start = choose_start(settings, cycle.recipe, found.approved, refused_going_on(earlier))
    log.append(start.words)
    return figures | {
        "version": version.id,
        "starts": list(start.adapters),
        "start": start.words,
        "examples": dict(version.examples),
        "kinds": dict(version.kinds),
        "languages": dict(version.languages),
        "dropped": dict(version.dropped),
    }


def _earlier(cycle: Cycle) -> list[Run]:
    """The finished runs before this one, latest first."""
    return [past for past in runs(cycle.store, LOOKED_BACK) if past.state == "finished" and past.id != cycle.run.id]


def _curated(past: Run) -> Result:
    return next((dict(step.result) for step in past.steps if step.name == "curate"), {})


def refused_going_on(earlier: list[Run]) -> bool:
    """Whether the last candidate went on from what served and was refused for more than being no better.

    No better means that there was too little to learn; more replies come, and the base would not be better either.
    """
    last = next((past for past in earlier if _curated(past).get("starts")), None)
    if last is None or last.decision != "refused" or None in _curated(last)["starts"]:
        return False
    return any(not reason.startswith(NO_BETTER) for reason in last.result["reasons"])


def _suspicions(found: Gathered) -> list[str]:
    return [
        f"{finding.words}; nothing was trained, and the approval of these {len(finding.message_ids)} replies is "
        "revoked (`assistant approvals list --revoked` shows them; for a false alarm `assistant approvals approve ID` "
        "restores one, `assistant approvals restore RUN` all of them)"
        for finding in found.findings
    ]


def quarantine_step(cycle: Cycle, log: list[str]) -> Result:
    """Revoke the approvals of what was found; a person can approve each reply again."""
    revoked = revoke_all(cycle.store, cycle.done["curate"]["planted"], f"run {cycle.run.id}")
    log.append(f"{revoked} approvals revoked")
    return {"revoked": revoked}


def _nothing_to_do(found: Gathered, data_hash: str, earlier: list[Run]) -> str | None:
    if len(found.learn) < LEAST_EXAMPLES:
        dropped = ", ".join(f"{reason}: {count}" for reason, count in found.curation.dropped.items()) or "none"
        return (
            f"{len(found.learn)} approved replies to learn from, at least {LEAST_EXAMPLES} are needed (dropped: "
            f"{dropped}); import logs or approve more replies"
        )
    for past in earlier:
        if _curated(past).get("data_hash") == data_hash and past.decision != "nothing_to_do":
            return f"nothing was approved or changed since run {past.id}, which ended as {past.decision}"
    return None


def train_step(cycle: Cycle, log: list[str]) -> Result:
    """Train the candidate; a killed training goes on where it stopped."""
    version = cycle.done["curate"]["version"]
    examples = read_data(cycle.settings, version)
    started = time.monotonic()

    def watch(now: TrainingProgress) -> None:
        cycle.report("Training", now.step, now.steps)
        if now.validation_loss is not None:
            log.append(f"step {now.step} of {now.steps}: validation loss {now.validation_loss:.4f}")

    losses: dict[str, float] = {}
    for start in cycle.done["curate"]["starts"]:
        adapter = _trained_before(cycle, version, start) or _tuned(cycle, examples, start, watch)
        losses[adapter] = Registry(cycle.settings).list().entry(adapter).validation_loss or float("inf")
        log.append(f"adapter {adapter} from {start or 'the untuned base'}: validation loss {losses[adapter]:.4f}")
    best = min(losses, key=lambda id: losses[id])
    return {
        "adapter": best,
        "examples": len(examples),
        "validation_loss": losses[best],
        "validation_losses": losses,
        "minutes": round((time.monotonic() - started) / 60, 2),
    }


def _tuned(cycle: Cycle, examples: list[Example], start: str | None, watch: Watcher) -> str:
    """Train one candidate from an adapter or from the base; returns its id."""
    settings = cycle.settings
    sources, begun = (f"run {cycle.run.id}",), verified_adapter(settings, start) if start else None
    recipe = going_on(cycle.recipe) if start else cycle.recipe
    tuned = tune(settings, recipe, examples, sources=sources, start=begun, watch=watch)
    if tuned is None:
        raise Conflict("retrain runs in one process; use `assistant train` with torchrun")
    return tuned.id


def _trained_before(cycle: Cycle, version: str, start: str | None) -> str | None:
    """The adapter that this very run registered, from that start, before it was killed."""
    registry = Registry(cycle.settings)
    for entry in registry.list().adapters.values():
        if (
            datetime.fromisoformat(entry.registered_at) >= cycle.run.started_at.replace(microsecond=0)
            and registry.manifest(entry.id).dataset_hash[: len(version)] == version
            and _parents(cycle, entry.id) == ((start,) if start else ())
        ):
            return entry.id
    return None


def _parents(cycle: Cycle, adapter_id: str) -> tuple[str, ...]:
    lineage = read_lineage(adapter_folder(cycle.settings, adapter_id))
    return lineage.parents if lineage else ()


def promote_step(cycle: Cycle, log: list[str]) -> Result:
    """Make a candidate that passed the one that serves, unless something else serves since it was judged."""
    verdict = verdict_from({k: v for k, v in cycle.done["gate"].items() if k != "gain"})
    candidate, judged = cycle.done["train"]["adapter"], cycle.done["examine serving"]["adapter"]
    if verdict.decision != "promoted":
        return {"decision": verdict.decision, "reasons": list(verdict.reasons)}
    registry = Registry(cycle.settings)
    serving = registry.list().serving or BASE
    if serving not in (judged, candidate):
        reason = f"{serving} serves now, but the candidate was compared with {judged}; run `assistant retrain` again"
        return {"decision": "inconclusive", "reasons": [reason]}
    registry.promote(candidate, reason=f"run {cycle.run.id}")
    log.append(f"adapter {candidate} serves instead of {judged}")
    return {"decision": "promoted", "reasons": list(verdict.reasons)}


def note_step(cycle: Cycle, log: list[str]) -> Result:
    """Write the release note."""
    files = write_note(cycle.settings, cycle.folder, run(cycle.store, cycle.run.id), cycle.done)
    log += [f"written: {path}" for path in files]
    return {"files": [path.name for path in files]}
