"""When a learning cycle is due: by the clock, or because something happened. Each occasion has a name of its own.

Knows settings, runs and figures of the store; starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from assistant.errors import InvalidInput
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_runs import runs
from assistant.store_windows import approved_since, window
from retrieval.index import current_version
from training.drift import drifts

CAUGHT_UP = timedelta(hours=1)  # a time of day that was missed is made good within this time
REFERENCE = timedelta(days=28)  # before the last cycle, that drift is measured against


@dataclass(frozen=True, slots=True)
class Occasion:
    """`key` is the same for the same occasion in every worker; `reason` tells people."""

    key: str
    reason: str


def check_schedule(expression: str) -> None:
    """Raises InvalidInput for a cron expression that cannot be read; empty means none."""
    try:
        if expression:
            CronSim(expression, datetime.now(UTC))
    except CronSimError as error:
        raise InvalidInput(
            f"setting retrain_schedule = {expression!r} is no cron expression ({error}); e.g. '0 3 * * *' is 03:00 UTC"
        ) from error


def scheduled(expression: str, moment: datetime) -> Occasion | None:
    """The latest time of the schedule that has come within CAUGHT_UP; times are UTC."""
    if not expression:
        return None
    due = None
    for time in CronSim(expression, moment - CAUGHT_UP):
        if time > moment:
            break
        due = time
    if due is None:
        return None
    return Occasion(f"schedule {due:%Y-%m-%dT%H:%M}Z", f"schedule {expression!r}, {due:%Y-%m-%d %H:%M} UTC")


def happened(settings: Settings, store: Store, moment: datetime) -> Iterator[Occasion]:
    """What happened since the last cycle that trained or judged anything."""
    last = next((run for run in runs(store, 200) if run.state == "finished"), None)
    since, name = (last.started_at, last.id) if last else (None, "the beginning")
    if "examples" in settings.retrain_triggers:
        count = approved_since(store, since)
        if count >= settings.retrain_examples:
            yield Occasion(f"examples after {name}", f"{count} replies approved since {name}")
    if "knowledge" in settings.retrain_triggers and last is not None:
        version, before = current_version(settings.index_folder), _knowledge(store)
        if version is not None and version != before:
            yield Occasion(f"knowledge {version} after {name}", f"the knowledge base changed to version {version}")
    if "drift" in settings.retrain_triggers and since is not None:
        found = drifts(window(store, since - REFERENCE, since), window(store, since, moment))
        if found:
            yield Occasion(f"drift after {name}", "; ".join(drift.words for drift in found))


def _knowledge(store: Store) -> str | None:
    """The version of the knowledge base that the latest cycle saw."""
    for run in runs(store, 200):
        for step in run.steps:
            if step.name == "curate" and step.state == "done" and "knowledge" in step.result:
                version: str | None = step.result["knowledge"]
                return version
    return None
