"""What the training page tells of one learning cycle: its loss curve, and the replies that changed most.

Reads the files the cycle has left; knows nothing of how they are shown (release_note writes the note of the same).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assistant.settings import Settings
from assistant.store_runs import Run
from training.loss_points import Point
from training.release_note import Change, changes_of, points_of

MOST = 5  # replies that improved most, and as many that worsened most


@dataclass(frozen=True, slots=True)
class RunStory:
    """Empty where the cycle did not come so far, or where a customer it knew was forgotten."""

    points: tuple[Point, ...]
    improved: tuple[Change, ...]
    worsened: tuple[Change, ...]


def run_story(settings: Settings, run: Run) -> RunStory:
    """The story of a cycle, from its folder and from the adapter it trained."""
    done = {step.name: step.result for step in run.steps if step.state == "done"}
    changes = changes_of(_folder(settings, run.id), done) if _examined(settings, run.id) else []
    return RunStory(
        points_of(settings, done) if _trained(settings, run) else (),
        tuple(change for change in changes[:MOST] if change.gain > 0),
        tuple(change for change in changes[::-1][:MOST] if change.gain < 0),
    )


def _folder(settings: Settings, run_id: str) -> Path:
    return settings.home / "runs" / run_id


def _examined(settings: Settings, run_id: str) -> bool:
    folder = _folder(settings, run_id)
    before = (folder / "serving.json").is_file() or (folder / "base.json").is_file()
    return before and (folder / "candidate.json").is_file()


def _trained(settings: Settings, run: Run) -> bool:
    adapters = [step.result["adapter"] for step in run.steps if step.name == "train" and step.state == "done"]
    return any((settings.adapters_folder / adapter / "metrics.json").is_file() for adapter in adapters)
