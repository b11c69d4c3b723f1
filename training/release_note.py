"""The note of a learning cycle that a team lead understands, as Markdown and as one self-contained page.

Knows the files and results of a run; texts of others are quoted so that they cannot become markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from assistant.settings import Settings
from assistant.store_runs import Run
from training.curation_rules import REASONS
from training.curve import curve_svg
from training.examined import Examination, Replied, read_examination
from training.loss_points import Point

SHOWN = 8  # replies that improved most, and as many that worsened most
FILES = ("note.md", "note.html")
HEADLINES = {
    "promoted": "The candidate serves from now on.",
    "refused": "The candidate was refused; what served goes on.",
    "inconclusive": "There was too little to judge by; what served goes on.",
}
MEANINGS = {  # of the scores, for people who do not live with them
    "adapter": "what was examined",
    "cases": "conversations nobody trained on, with the replies people gave",
    "perplexity": "how much those replies surprise the model: lower is better",
    "replies": "of them the model answered itself",
    "rougeL": "words shared with people's replies, 0 to 1: higher is better",
    "similarity": "likeness in meaning to people's replies, up to 1: higher is better",
    "invention": "share of unanswerable questions that got an invented answer: lower is better",
    "latency_ms": "milliseconds a reply",
}
OUTCOMES = ("failed", "unsure", "not measured", "passed")  # in this order


@dataclass(frozen=True, slots=True)
class Change:
    """One held-out question with the replies before and after."""

    before: Replied
    after: Replied

    @property
    def gain(self) -> float:
        """Of ROUGE-L and similarity together, 1 is all there is."""
        return (self.after.rougeL + self.after.similarity - self.before.rougeL - self.before.similarity) / 2


@dataclass(frozen=True, slots=True)
class Note:
    """What the note says, before it has a form."""

    title: str
    headline: str
    reasons: tuple[str, ...]
    data: tuple[tuple[str, str], ...]
    scores: tuple[tuple[str, ...], ...]  # the first row names the columns
    checks: tuple[tuple[str, str], ...]  # outcome and words
    improved: tuple[Change, ...]
    worsened: tuple[Change, ...]
    points: tuple[Point, ...]
    minutes: tuple[tuple[str, str], ...]


def write_note(settings: Settings, folder: Path, run: Run, done: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Write `note.md` and `note.html` into the run's folder; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    note = _note(settings, folder, run, done)
    paths = [folder / name for name in FILES]
    for path, text in zip(paths, (markdown(note), html(note)), strict=True):
        path.write_text(text, "utf-8")
    return paths


def forget_in_runs(settings: Settings, case_ids: Sequence[str]) -> list[Path]:
    """Delete notes and examinations of runs that hold any of these cases, because their customer is forgotten."""
    removed = []
    for folder in (settings.home / "runs").glob("*/"):
        examined = list(folder.glob("*.json"))
        if any(id in path.read_text("utf-8") for path in examined for id in case_ids):
            for path in [*examined, *(folder / name for name in FILES)]:
                path.unlink(missing_ok=True)
                removed.append(path)
    return removed


def _note(settings: Settings, folder: Path, run: Run, done: Mapping[str, Mapping[str, Any]]) -> Note:
    curated, gate = done["curate"], done.get("gate", {})
    decided = done.get("promote") or curated
    changes = changes_of(folder, done)
    steps = [(step.name, f"{step.seconds / 60:.1f}") for step in run.steps if step.state == "done"]
    return Note(
        title=f"Learning cycle {run.id} of {run.started_at:%Y-%m-%d %H:%M} UTC: {decided['decision']}",
        headline=HEADLINES.get(decided["decision"], ""),
        reasons=tuple(decided["reasons"]),
        data=tuple(_data(curated, done.get("train", {}), run.trigger)),
        scores=tuple(_scores(done)),
        checks=tuple(
            (check["outcome"], check["words"])
            for check in sorted(gate.get("checks", ()), key=lambda check: OUTCOMES.index(check["outcome"]))
        ),
        improved=tuple(change for change in changes[:SHOWN] if change.gain > 0),
        worsened=tuple(change for change in changes[::-1][:SHOWN] if change.gain < 0),
        points=points_of(settings, done),
        minutes=tuple(steps),
    )


def _data(curated: Mapping[str, Any], trained: Mapping[str, Any], trigger: str) -> list[tuple[str, str]]:
    rows = [("started", trigger), ("conversations", str(curated["conversations"]))]
    rows += [("training begins", curated["start"])] if "start" in curated else []
    rows += [
        (f"trained {adapter}", f"validation loss {loss:.4f}")
        for adapter, loss in trained.get("validation_losses", {}).items()
    ]
    rows += [(f"examples, {split}", str(count)) for split, count in curated.get("examples", {}).items()]
    rows += [(f"language {name}", str(count)) for name, count in curated.get("languages", {}).items()]
    rows.append(("held-out cases", str(curated["held_out"])))
    reasons = {**REASONS, "held_out": "kept for the gate"}
    return rows + [
        (f"left out: {reason}", f"{count} ({reasons[reason]})" if reason in reasons else str(count))
        for reason, count in curated["dropped"].items()
    ]


def _scores(done: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    columns = [who for who in ("base", "serving", "candidate") if f"examine {who}" in done]
    if not columns:
        return []
    rows: list[tuple[str, ...]] = [("score", *columns, "what it says")]
    for name, meaning in MEANINGS.items():
        values = [done[f"examine {who}"][name] for who in columns]
        rows.append((name, *("" if value is None else str(value) for value in values), meaning))
    for against, gain in done.get("gate", {}).get("gain", {}).items():
        told = f"{gain['mean']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
        name = f"gain over {against}, nats a token (95 % interval)"
        rows.append(
            (name, *[""] * (len(columns) - 1), told, "main score: better only if the whole interval is above 0")
        )
    return rows


def changes_of(folder: Path, done: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    """Replies before and after on the same questions, the most improved first."""
    if "examine candidate" not in done:
        return []
    serving = folder / "serving.json"
    before, after = read_examination(serving if serving.exists() else folder / "base.json"), _candidate(folder)
    earlier = {reply.id: reply for reply in before.of_kind("reply")}
    changes = [Change(earlier[reply.id], reply) for reply in after.of_kind("reply") if reply.id in earlier]
    return sorted(changes, key=lambda change: -change.gain)


def _candidate(folder: Path) -> Examination:
    return read_examination(folder / "candidate.json")


def points_of(settings: Settings, done: Mapping[str, Mapping[str, Any]]) -> tuple[Point, ...]:
    if "train" not in done:
        return ()
    metrics = settings.adapters_folder / done["train"]["adapter"] / "metrics.json"
    return tuple(Point(**point) for point in json.loads(metrics.read_text("utf-8"))["points"])


def markdown(note: Note) -> str:
    """The note as Markdown."""
    lines = [f"# {note.title}", "", f"**{note.headline}**", "", *(f"- {_plain(reason)}" for reason in note.reasons)]
    if note.scores:
        head, *rows = note.scores
        lines += ["", "## Scores", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
    if note.checks:
        lines += ["", "## Checks", "", *(f"- {outcome}: {_plain(words)}" for outcome, words in note.checks)]
    for title, changes in (("Improved most", note.improved), ("Worsened most", note.worsened)):
        if changes:
            lines += ["", f"## {title}"]
        for change in changes:
            lines += ["", f"### {change.gain:+.3f}", "", f"- asked: {_quoted(change.after.question)}"]
            lines += [f"- person: {_quoted(change.after.reference)}", f"- before: {_quoted(change.before.reply)}"]
            lines.append(f"- after: {_quoted(change.after.reply)}")
    lines += ["", "## Data", "", *(f"- {name}: {value}" for name, value in note.data)]
    if note.points:
        lines += ["", "## Loss", "", "| step | training | validation |", "|---|---|---|"]
        lines += [f"| {p.step} | {_number(p.train_loss)} | {p.validation_loss:.4f} |" for p in note.points]
    lines += ["", "## Minutes", "", *(f"- {name}: {value}" for name, value in note.minutes)]
    return "\n".join(lines) + "\n"


def html(note: Note) -> str:
    """The note as one page without scripts or other hosts."""
    head, rows = (note.scores[0], note.scores[1:]) if note.scores else ((), ())
    parts = [
        f"<h1>{escape(note.title)}</h1><p><strong>{escape(note.headline)}</strong></p>",
        _list(note.reasons),
        f"<h2>Scores</h2>{_table(head, rows)}" if rows else "",
        f"<h2>Checks</h2>{_table(('outcome', 'what was compared'), note.checks, marked=True)}" if note.checks else "",
        *(
            f"<h2>{title}</h2>{_table(('asked', 'person', 'before', 'after', 'change'), _rows(changes))}"
            for title, changes in (("Improved most", note.improved), ("Worsened most", note.worsened))
            if changes
        ),
        f"<h2>Data</h2>{_table((), note.data)}",
        f"<h2>Loss</h2>{curve_svg(note.points)}" if note.points else "",
        f"<h2>Minutes</h2>{_table((), note.minutes)}",
    ]
    body = "\n".join(part for part in parts if part)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(note.title)}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border-bottom: 1px solid #8884; padding: .4rem .6rem; text-align: left; vertical-align: top }}
svg {{ max-width: 48rem }} text {{ font: 12px system-ui, sans-serif; fill: currentColor }}
.wide {{ overflow-x: auto }} h2 {{ margin-top: 2.5rem }} td {{ overflow-wrap: break-word; min-width: 6.5rem }}
h1 {{ font-size: clamp(1.4rem, 5vw, 2rem); line-height: 1.25 }}
.failed td:first-child {{ color: light-dark(#a3180f, #ff8a80); font-weight: 600 }}
.passed td:first-child {{ color: light-dark(#1d6b47, #7fd6ab) }}
.train {{ stroke: #888 }} .validation {{ stroke: #2f6f5e }}
</style>
{body}
</html>
"""


def _rows(changes: Sequence[Change]) -> list[tuple[str, ...]]:
    return [(c.after.question, c.after.reference, c.before.reply, c.after.reply, f"{c.gain:+.3f}") for c in changes]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], marked: bool = False) -> str:
    """A table that scrolls by itself on a narrow page; `marked`: rows carry their first cell as a class."""
    top = f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>\n" if head else ""
    lines = "\n".join(
        f"<tr{f' class={row[0].split()[0]!r}' if marked else ''}>"
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in rows
    )
    return f"<div class='wide'><table>{top}{lines}</table></div>"


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;").replace("[", "\\[")


def _quoted(text: str) -> str:
    plain = " ".join(text.split()).replace("`", "'")
    return f"`{plain}`" if plain else "(nothing)"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
