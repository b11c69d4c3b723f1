"""The story of a cycle: the curve of its adapter, replies that changed most; nothing where files are missing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from assistant.settings import load_settings
from assistant.store_runs import Run, Step
from training.examined import CaseLoss, Examination, Replied
from training.run_story import MOST, run_story

MOMENT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
STEPS = tuple(
    Step(name, "done", "", result, 9.0, 1, MOMENT, MOMENT)
    for name, result in (("train", {"adapter": "new"}), ("examine base", {}), ("examine candidate", {}))
)
RUN = Run("run-1", "finished", "schedule", "promoted", {}, MOMENT, MOMENT, STEPS)
LOSSES = {"a": CaseLoss(10.0, 5)}


def replied(id: str, reply: str, score: float) -> Replied:
    return Replied(id, "reply", f"Question {id}?", "Reference.", reply, score, score, None, False, 0, 3, 50.0)


def examine(home: Path, before: dict[str, float], after: dict[str, float]) -> None:
    folder = home / "runs" / RUN.id
    folder.mkdir(parents=True)
    for name, scores in (("base", before), ("candidate", after)):
        replies = tuple(replied(id, f"{name} {id}", score) for id, score in scores.items())
        Examination(name, LOSSES, replies).save(folder / f"{name}.json")


def test_the_replies_that_changed_most_come_first_and_unchanged_ones_not_at_all(tmp_path: Path) -> None:
    before = {f"q{n}": 0.5 for n in range(20)}
    after = before | {"q3": 0.9, "q4": 0.6, "q7": 0.1} | {f"q{n}": 0.7 for n in range(10, 17)}
    examine(tmp_path, before, after)
    story = run_story(load_settings(tmp_path), RUN)
    assert story.improved[0].after.id == "q3" and len(story.improved) == MOST
    assert [(change.before.reply, change.after.reply) for change in story.worsened] == [("base q7", "candidate q7")]
    assert story.points == ()


def test_the_curve_is_the_one_of_the_adapter_that_was_trained(tmp_path: Path) -> None:
    folder = load_settings(tmp_path).adapters_folder / "new"
    folder.mkdir(parents=True)
    point = {"step": 10, "train_loss": 2.0, "validation_loss": 2.5, "learning_rate": 1e-4}
    (folder / "metrics.json").write_text(json.dumps({"points": [point]}))
    assert [p.validation_loss for p in run_story(load_settings(tmp_path), RUN).points] == [2.5]


def test_a_cycle_that_failed_early_or_lost_its_files_has_an_empty_story(tmp_path: Path) -> None:
    for run in (RUN, replace(RUN, steps=())):
        story = run_story(load_settings(tmp_path), run)
        assert (story.points, story.improved, story.worsened) == ((), (), ())
