"""A before-and-after report of two scorecards: figures with intervals, then replies side by side, regressions first.

Knows scorecards; writes Markdown and HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from training.evaluate import CaseScore, Scorecard
from training.scores import Interval, paired_interval

SHOWN = 20  # cases of each kind, worst and best


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two scorecards on the same cases; `differences` are after minus before, paired."""

    before: Scorecard
    after: Scorecard
    differences: dict[str, Interval]

    @property
    def pairs(self) -> list[tuple[CaseScore, CaseScore]]:
        """Both scores of each case, the worst change of ROUGE-L first."""
        pairs = zip(self.before.cases, self.after.cases, strict=True)
        return sorted(pairs, key=lambda pair: pair[1].rouge.rougeL - pair[0].rouge.rougeL)


def compare(before: Scorecard, after: Scorecard) -> Comparison:
    """Pair two scorecards; raises ValueError when they are not of the same cases in the same order."""
    if [c.id for c in before.cases] != [c.id for c in after.cases]:
        raise ValueError("the scorecards are of different cases")

    def values(card: Scorecard) -> dict[str, list[float]]:
        return {
            "rouge1": [c.rouge.rouge1 for c in card.cases],
            "rouge2": [c.rouge.rouge2 for c in card.cases],
            "rougeL": [c.rouge.rougeL for c in card.cases],
            "similarity": [c.similarity for c in card.cases],
            "groundedness": [c.groundedness for c in card.cases if c.groundedness is not None],
            "invention": [float(c.invents) for c in card.cases if c.invents is not None],
        }

    ours, theirs = values(after), values(before)
    differences = {name: paired_interval(ours[name], theirs[name]) for name in ours if ours[name]}
    return Comparison(before, after, differences)


def _figures(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    """Name, before, after and change of every score."""
    rows = []
    before, after = comparison.before, comparison.after
    for name, change in comparison.differences.items():
        told = f"{change.mean:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
        rows.append((name, f"{before.intervals[name].mean:.3f}", f"{after.intervals[name].mean:.3f}", told))
    others = (
        ("BLEU", before.bleu, after.bleu),
        ("chrF", before.chrf, after.chrf),
        ("perplexity", before.perplexity, after.perplexity),
        ("words", before.words, after.words),
        ("latency p50 ms", before.latency_ms["p50"], after.latency_ms["p50"]),
    )
    for name, old, new in others:
        if old is not None and new is not None:
            rows.append((name, f"{old:.2f}", f"{new:.2f}", f"{new - old:+.2f}"))
    return rows


def _shown(pairs: Sequence[tuple[CaseScore, CaseScore]]) -> list[tuple[str, list[tuple[CaseScore, CaseScore]]]]:
    worst = [pair for pair in pairs if pair[1].rouge.rougeL < pair[0].rouge.rougeL][:SHOWN]
    best = [pair for pair in reversed(pairs) if pair[1].rouge.rougeL > pair[0].rouge.rougeL][:SHOWN]
    return [("Worst regressions", worst), ("Most improved", best)]


def markdown(comparison: Comparison) -> str:
    """The report as Markdown; texts of others are quoted so that they cannot become markup."""
    names = comparison.before.adapter, comparison.after.adapter
    lines = [f"# {names[0]} against {names[1]}: {comparison.after.n} cases", ""]
    lines += [f"| score | {names[0]} | {names[1]} | change (95 % interval) |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in _figures(comparison)]
    for title, pairs in _shown(comparison.pairs):
        lines += ["", f"## {title}"]
        for old, new in pairs:
            change = new.rouge.rougeL - old.rouge.rougeL
            lines += ["", f"### {_quoted(new.id)} (ROUGE-L {change:+.3f})", ""]
            told = (("asked", new.question), ("person", new.reference), (names[0], old.reply), (names[1], new.reply))
            lines += [f"- {who}: {_quoted(text)}" for who, text in told]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    plain = " ".join(text.split()).replace("`", "'")
    return f"`{plain}`" if plain else "(nothing)"


def html(comparison: Comparison) -> str:
    """The report as one self-contained page."""
    names = [escape(comparison.before.adapter), escape(comparison.after.adapter)]
    figures = "\n".join(
        "<tr>" + "".join(f"<td>{escape(value)}</td>" for value in row) + "</tr>" for row in _figures(comparison)
    )
    parts = []
    for title, pairs in _shown(comparison.pairs):
        rows = "\n".join(
            f"<tr><td>{escape(new.question)}</td><td>{escape(new.reference)}</td><td>{escape(old.reply)}</td>"
            f"<td>{escape(new.reply)}</td><td>{new.rouge.rougeL - old.rouge.rougeL:+.3f}</td></tr>"
            for old, new in pairs
        )
        head = f"<tr><th>asked</th><th>person</th><th>{names[0]}</th><th>{names[1]}</th><th>ROUGE-L</th></tr>"
        parts.append(f"<h2>{title}</h2>\n<table>{head}\n{rows}\n</table>")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{names[0]} against {names[1]}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border-bottom: 1px solid #8884; padding: .4rem .6rem; text-align: left; vertical-align: top }}
</style>
<h1>{names[0]} against {names[1]}: {comparison.after.n} cases</h1>
<table><tr><th>score</th><th>{names[0]}</th><th>{names[1]}</th><th>change (95 % interval)</th></tr>
{figures}
</table>
{chr(10).join(parts)}
</html>
"""


def write_report(comparison: Comparison, path: Path) -> None:
    """Write the report as Markdown for a `.md` file and as a page otherwise."""
    path.write_text(markdown(comparison) if path.suffix == ".md" else html(comparison), "utf-8")
