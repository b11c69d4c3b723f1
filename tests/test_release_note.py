"""The note says what was decided, why and on what, quotes replies safely, and goes when a customer is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assistant.settings import load_settings
from assistant.store_runs import Run, Step
from training.examined import CaseLoss, Examination, Replied
from training.release_note import forget_in_runs, write_note

MOMENT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
RUN = Run(
    "run-1", "running", "schedule", None, {}, MOMENT, None, (Step("train", "done", "", {}, 90.0, 1, MOMENT, MOMENT),)
)


def replied(id: str, reply: str, score: float) -> Replied:
    return Replied(id, "reply", f"Question {id}?", "Reference.", reply, score, score, None, False, 0, 3, 50.0)


def figures(adapter: str, perplexity: float) -> dict[str, Any]:
    return {
        "adapter": adapter,
        "cases": 2,
        "perplexity": perplexity,
        "replies": 2,
        "rougeL": 0.2,
        "similarity": 0.5,
        "invention": None,
        "latency_ms": 50.0,
    }


DONE: dict[str, dict[str, Any]] = {
    "curate": {"decision": None, "reasons": [], "conversations": 9, "held_out": 2, "dropped": {"too_short": 3}},
    "examine base": figures("base", 57.0),
    "examine candidate": figures("new", 12.0),
    "gate": {
        "gain": {"base": {"mean": 1.5, "low": 1.2, "high": 1.8}},
        "checks": [{"outcome": "passed", "words": "better than the untuned base: +1.500"}],
    },
    "promote": {"decision": "promoted", "reasons": ["better than the untuned base: +1.500"]},
}


def written(home: Path) -> tuple[str, str]:
    folder = home / "runs" / RUN.id
    folder.mkdir(parents=True)
    losses = {"a": CaseLoss(10.0, 5), "b": CaseLoss(10.0, 5)}
    Examination("base", losses, (replied("a", "<b>old</b>", 0.1), replied("b", "fine", 0.6))).save(folder / "base.json")
    new = Examination("new", losses, (replied("a", "[new](http://x.example)", 0.5), replied("b", "worse `x`", 0.2)))
    new.save(folder / "candidate.json")
    paths = write_note(load_settings(home), folder, RUN, DONE)
    return paths[0].read_text("utf-8"), paths[1].read_text("utf-8")


def test_a_note_tells_decision_scores_changes_data_and_time(tmp_path: Path) -> None:
    note, page = written(tmp_path)
    assert note.startswith("# Learning cycle run-1 of 2026-11-24 03:00 UTC: promoted\n")
    assert "| perplexity | 57.0 | 12.0 |" in note
    assert "+1.500 (+1.200 to +1.800)" in note
    assert note.index("## Improved most") < note.index("Question a?") < note.index("## Worsened most")
    assert note.index("## Worsened most") < note.index("Question b?")
    assert "- left out: too_short: 3" in note and "- train: 1.5" in note
    assert "<td>Question a?</td>" in page


def test_texts_of_others_cannot_become_markup(tmp_path: Path) -> None:
    note, page = written(tmp_path)
    assert "`<b>old</b>`" in note and "`[new](http://x.example)`" in note and "`worse 'x'`" in note
    assert "&lt;b&gt;old&lt;/b&gt;" in page and "<b>" not in page


def test_runs_that_hold_a_forgotten_customer_s_cases_lose_their_files(tmp_path: Path) -> None:
    written(tmp_path)
    settings = load_settings(tmp_path)
    assert forget_in_runs(settings, ["nobody-s"]) == []
    assert {path.name for path in forget_in_runs(settings, ["nobody-s", "Question a?"])} == {
        "base.json",
        "candidate.json",
        "note.md",
        "note.html",
    }
    assert list((tmp_path / "runs" / RUN.id).iterdir()) == []
