"""Has what customers ask, or how they are served, changed? Statistical tests between two spans of time.

A change counts when chance explains it badly (below ALPHA, divided by the number of tests) and when it is large enough
to matter. Knows windows of figures only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from assistant.store_windows import Window

ALPHA = 0.01  # over all tests of one comparison
TESTS = 5
LEAST = 50  # turns, ratings or conversations in each span; with fewer nothing is tested
LEAST_EXPECTED = 5  # in a cell of a chi-square test; rarer categories are tested together
MIX = 0.1  # Cramér's V from which a mix of categories differs noticeably
EVIDENCE = 0.1  # by which the chance that a newer turn has more evidence is off from one half
RATE = 0.05  # change of a share


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that changed, in words and figures."""

    name: str
    words: str
    p: float


def drifts(reference: Window, current: Window) -> list[Drift]:
    """Everything that changed noticeably and beyond chance, surest first."""
    found = [
        *_mix("languages", reference.languages, current.languages),
        *_mix("intents", reference.intents, current.intents),
        *_evidence(reference.evidence, current.evidence),
        *_share(
            "bad ratings",
            (reference.bad, reference.good + reference.bad),
            (current.bad, current.good + current.bad),
        ),
        *_share(
            "hand-overs",
            (reference.handed_over, reference.conversations),
            (current.handed_over, current.conversations),
        ),
    ]
    return sorted(found, key=lambda drift: drift.p)


def _sure(p: float) -> bool:
    return p < ALPHA / TESTS


def _mix(name: str, before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[Drift]:
    """Chi-square of two mixes of categories."""
    totals = sum(before.values()), sum(after.values())
    if min(totals) < LEAST:
        return
    table = np.array(_columns(before, after)).T
    if table.shape[1] < 2:
        return
    result = stats.chi2_contingency(table)
    size = float(np.sqrt(result.statistic / table.sum()))
    if _sure(result.pvalue) and size >= MIX:
        moved = max(
            {*before, *after}, key=lambda one: abs(after.get(one, 0) / totals[1] - before.get(one, 0) / totals[0])
        )
        words = (
            f"mix of {name}: chi-square p = {result.pvalue:.1g}, Cramér's V {size:.2f}; most of all {moved!r}, "
            f"{before.get(moved, 0) / totals[0]:.0%} -> {after.get(moved, 0) / totals[1]:.0%}"
        )
        yield Drift(name, words, float(result.pvalue))


def _columns(before: Mapping[str, int], after: Mapping[str, int]) -> list[tuple[int, int]]:
    """Counts before and after by category; rare categories together, so that the test holds."""
    total = sum(before.values()) + sum(after.values())
    smaller = min(sum(before.values()), sum(after.values())) / total
    merged: Counter[tuple[str, int]] = Counter()
    for name in {*before, *after}:
        both = before.get(name, 0) + after.get(name, 0)
        kept = name if both * smaller >= LEAST_EXPECTED else ""
        merged[kept, 0] += before.get(name, 0)
        merged[kept, 1] += after.get(name, 0)
    names = sorted({name for name, _ in merged})
    return [(merged[name, 0], merged[name, 1]) for name in names]


def _evidence(before: tuple[float, ...], after: tuple[float, ...]) -> Iterator[Drift]:
    """Mann-Whitney of the evidence of turns."""
    if min(len(before), len(after)) < LEAST:
        return
    result = stats.mannwhitneyu(after, before)
    chance = float(result.statistic) / (len(before) * len(after))
    if _sure(result.pvalue) and abs(chance - 0.5) >= EVIDENCE:
        words = (
            f"evidence: Mann-Whitney p = {result.pvalue:.1g}; a newer turn has more evidence than an older one in "
            f"{chance:.0%} of pairs, median {np.median(before):.2f} -> {np.median(after):.2f}"
        )
        yield Drift("evidence", words, float(result.pvalue))


def _share(name: str, before: tuple[int, int], after: tuple[int, int]) -> Iterator[Drift]:
    """Fisher's exact test of two shares, each given as how many of how many."""
    if min(before[1], after[1]) < LEAST:
        return
    table = [[before[0], before[1] - before[0]], [after[0], after[1] - after[0]]]
    p = float(stats.fisher_exact(table).pvalue)
    old, new = before[0] / before[1], after[0] / after[1]
    if _sure(p) and abs(new - old) >= RATE:
        yield Drift(name, f"share of {name}: Fisher's p = {p:.1g}, {old:.0%} -> {new:.0%}", p)
