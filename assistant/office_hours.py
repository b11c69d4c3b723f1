"""When people are there to answer: parses hours such as "mon-fri 09:00-17:30" and tells when they open next.

Knows clocks and time zones; nothing of conversations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from assistant.errors import InvalidInput

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? +(\d{2}):(\d{2})-(\d{2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """Spans as (weekday, opens, closes), Monday being 0; none at all means always open."""

    spans: tuple[tuple[int, time, time], ...]
    zone: ZoneInfo

    def open_at(self, moment: datetime) -> bool:
        """Is somebody there at `moment`?"""
        local = moment.astimezone(self.zone)
        clock = local.time().replace(tzinfo=None)
        return not self.spans or any(
            day == local.weekday() and opens <= clock < closes for day, opens, closes in self.spans
        )

    def opens_after(self, moment: datetime) -> datetime:
        """The next opening at or after `moment`, in the office's time; `moment` itself when open then."""
        local = moment.astimezone(self.zone)
        if self.open_at(moment):
            return local
        openings = (
            datetime.combine(local.date() + timedelta(days=ahead), opens, self.zone)
            for ahead in range(8)
            for day, opens, _ in self.spans
            if day == (local.weekday() + ahead) % 7
        )
        return min(opening for opening in openings if opening > local)


def office_hours(lines: Sequence[str], zone: str) -> OfficeHours:
    """Raises InvalidInput naming the line that is not understood."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidInput(f"office_timezone {zone!r} is not a time zone; use a name such as Europe/Dublin") from error
    return OfficeHours(tuple(span for line in lines for span in _spans(line)), place)


def _spans(line: str) -> list[tuple[int, time, time]]:
    wrong = InvalidInput(
        f"office_hours {line!r} is not understood; write e.g. 'mon-fri 09:00-17:30' or 'sat 10:00-14:00'"
    )
    match = _SPAN.fullmatch(line.strip().lower())
    if match is None:
        raise wrong
    first, last = match[1], match[2] or match[1]
    try:
        begin, end = DAYS.index(first), DAYS.index(last)
        opens, closes = time(int(match[3]), int(match[4])), _closing(int(match[5]), int(match[6]))
    except ValueError:
        raise wrong from None
    if begin > end or opens >= closes:
        raise wrong
    return [(day, opens, closes) for day in range(begin, end + 1)]


def _closing(hour: int, minute: int) -> time:
    return time.max if (hour, minute) == (24, 0) else time(hour, minute)
