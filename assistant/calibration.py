"""A team's own calibration of the evidence: two numbers fitted to its judged questions, and from where on to answer.

One JSON file in the home, replaced in one step and read again when it changes. One that was made with another embedder
is left alone. Knows nothing of how it is fitted (training/calibrate.py) or of what evidence is made from.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from assistant.whole_files import write_whole

log = logging.getLogger(__name__)
NAME = "calibration.json"
_LEAST = 1e-6  # evidence is never quite sure


def log_odds(evidence: float) -> float:
    """The logarithm of the odds of a chance 0..1."""
    inside = min(max(evidence, _LEAST), 1 - _LEAST)
    return math.log(inside / (1 - inside))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Evidence becomes 1 / (1 + exp(-(slope * its log-odds + intercept))); `threshold`: answer from there on."""

    slope: float
    intercept: float
    threshold: float | None  # None: the settings decide
    target_error: float
    cases: int
    embedder: str  # fingerprint

    def __call__(self, evidence: float) -> float:
        """The team's own chance for a shipped one; nothing found stays nothing."""
        return 1 / (1 + math.exp(-(self.slope * log_odds(evidence) + self.intercept))) if evidence else 0.0


def write_calibration(home: Path, calibration: Calibration) -> Path:
    """Make it the one that serves, in one step."""
    path = home / NAME
    write_whole(path, json.dumps(asdict(calibration), indent=2))
    return path


class CalibrationFile:
    """The calibration of a home, as it is now; safe to use from several threads."""

    def __init__(self, home: Path, embedder: str) -> None:
        self._path = home / NAME
        self._embedder = embedder
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._now: Calibration | None = None

    def current(self) -> Calibration | None:
        """What serves; None without a file, with a damaged one, or with one for another embedder."""
        try:
            about = self._path.stat()
        except FileNotFoundError:
            return None
        with self._lock:
            if (stamp := (about.st_mtime_ns, about.st_ino)) != self._stamp:
                self._now, self._stamp = self._read(), stamp
            return self._now

    def __call__(self, evidence: float) -> float:
        """Calibrated evidence, or the same where nothing serves."""
        calibration = self.current()
        return evidence if calibration is None else calibration(evidence)

    def _read(self) -> Calibration | None:
        try:
            found = Calibration(**json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            log.error("%s is damaged and left alone (%s): run `assistant calibrate` again", self._path, error)
            return None
        if found.embedder != self._embedder:
            log.warning("%s was made with another embedder: run `assistant calibrate` again", self._path)
            return None
        return found
