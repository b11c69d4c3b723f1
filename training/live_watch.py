"""Watches how live customers take a promoted or tried adapter, and rolls back when they fare significantly worse.

Compares with what served before (a canary: with what serves beside it). The test may be asked as often as one likes:
it looks at doubling sample sizes only, and divides the allowed chance of a false alarm among looks and signals.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from assistant.adapter_register import BASE, Trial
from assistant.errors import Conflict
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_adapters import changes, end_trial, read_register
from assistant.store_live import LiveSignals, live_signals
from assistant.tables import now
from training.registry import Registry

log = logging.getLogger("assistant.adapters")

REFERENCE = timedelta(days=14)  # how far before a promotion its predecessor is looked at
NAMES = {
    "rated_bad": "replies rated bad",
    "handed_over": "conversations handed over",
    "unsupported": "replies with unsupported sentences",
}


@dataclass(frozen=True, slots=True)
class Signal:
    """One comparison: `bad` of `count` before and after; `p` is the chance of such a rise if nothing changed."""

    name: str
    bad_before: int
    before: int
    bad_after: int
    after: int
    p: float
    allowed: float

    @property
    def worse(self) -> bool:
        """Whether the rise is significant."""
        return self.p < self.allowed

    def __str__(self) -> str:
        """In words and figures."""
        then, since = self.bad_before / self.before, self.bad_after / self.after
        return (
            f"{NAMES[self.name]}: {self.bad_after} of {self.after} ({since:.1%}) against {self.bad_before} of "
            f"{self.before} ({then:.1%}) before, p = {self.p:.2g}"
        )


@dataclass(frozen=True, slots=True)
class Watched:
    """What a look found. `acted` says what was done about it."""

    adapter: str
    signals: tuple[Signal, ...]
    acted: str | None = None

    @property
    def reason(self) -> str:
        """The signals that worsened, in words."""
        return "; ".join(str(signal) for signal in self.signals if signal.worse)


def look_after(settings: Settings, store: Store) -> list[Watched]:
    """Judge the latest promotion and the canary trial, and undo what makes customers fare worse.

    With `auto_rollback` off it only tells.
    """
    found = [_promotion(settings, store), _canary(settings, store)]
    return [watched for watched in found if watched is not None]


def compare(before: LiveSignals, after: LiveSignals, minimum: int, p_value: float) -> tuple[Signal, ...]:
    """The signals of which there are at least `minimum` observations on both sides."""
    pairs = {
        "rated_bad": (before.rated_bad, after.rated_bad),
        "handed_over": (before.handed_over, after.handed_over),
        "unsupported": (before.unsupported, after.unsupported),
    }
    signals = []
    for name, (then, since) in pairs.items():
        if min(len(then), len(since)) >= minimum:
            signals.append(_signal(name, then, since, minimum, p_value / len(pairs)))
    return tuple(signals)


def chance_of_rise(bad_before: int, before: int, bad_after: int, after: int) -> float:
    """Fisher's exact test, one-sided: how probable at least `bad_after` is if both samples have the same share."""
    bad, total = bad_before + bad_after, before + after
    ways = _log_choose(total, after)
    terms = (
        _log_choose(bad, k) + _log_choose(total - bad, after - k) - ways for k in range(bad_after, min(bad, after) + 1)
    )
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def _signal(name: str, then: Sequence[bool], since: Sequence[bool], minimum: int, allowed: float) -> Signal:
    """Look at the largest of minimum, 2 * minimum, 4 * minimum ... observations; look j may use allowed / 2^(j+1)."""
    look = int(math.log2(len(since) / minimum))
    taken = since[: minimum * 2**look]
    p = chance_of_rise(sum(then), len(then), sum(taken), len(taken))
    return Signal(name, sum(then), len(then), sum(taken), len(taken), p, allowed / 2 ** (look + 1))


def _log_choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _promotion(settings: Settings, store: Store) -> Watched | None:
    """Look at the latest promotion while it is young."""
    register, moves = read_register(store), changes(store, 1)
    window = timedelta(hours=settings.watch_hours)
    if not moves or moves[0].action != "promoted" or not register.serving or now() - moves[0].at > window:
        return None
    move = moves[0]
    before = live_signals(store, move.previous or BASE, move.at - REFERENCE, move.at)
    after = live_signals(store, register.serving, move.at, now())
    watched = Watched(register.serving, compare(before, after, settings.watch_minimum, settings.watch_p_value))
    if not watched.reason or not settings.auto_rollback:
        return watched
    try:
        target = Registry(settings).rollback(reason=f"automatic: {watched.reason}", seen=register.version)
    except Conflict as error:  # somebody changed it meanwhile
        log.warning("adapter %s fares worse, but was not rolled back: %s", watched.adapter, error)
        return watched
    log.error("adapter %s was rolled back to %s: %s", watched.adapter, target or BASE, watched.reason)
    return Watched(watched.adapter, watched.signals, f"rolled back to {target or BASE}")


def canary_signals(settings: Settings, store: Store, trial: Trial) -> tuple[Signal, ...]:
    """A canary beside what serves, over the same time."""
    before = live_signals(store, read_register(store).serving or BASE, trial.since, now())
    after = live_signals(store, trial.adapter_id, trial.since, now())
    return compare(before, after, settings.watch_minimum, settings.watch_p_value)


def _canary(settings: Settings, store: Store) -> Watched | None:
    """Look at the canary trial, if there is one."""
    trial = read_register(store).trial
    if trial is None or trial.mode != "canary":
        return None
    watched = Watched(trial.adapter_id, canary_signals(settings, store, trial))
    if not watched.reason or not settings.auto_rollback:
        return watched
    end_trial(store)
    log.error("the canary trial of adapter %s was ended: %s", trial.adapter_id, watched.reason)
    return Watched(watched.adapter, watched.signals, "the trial was ended")
