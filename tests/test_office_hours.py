"""Office hours: parsed strictly, open and next opening in the office's own time, also over a change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.errors import InvalidInput
from assistant.office_hours import office_hours
from assistant.settings import load_settings

WEEK = office_hours(["mon-fri 09:00-17:30", "sat 10:00-14:00"], "Europe/Dublin")


@pytest.mark.parametrize(
    ("moment", "open_then", "opens"),
    [
        ("2026-07-06T08:00", True, "2026-07-06T09:00+01:00"),  # Monday, 09:00 in summer
        ("2026-07-06T07:59", False, "2026-07-06T09:00+01:00"),
        ("2026-07-06T16:30", False, "2026-07-07T09:00+01:00"),
        ("2026-07-10T20:00", False, "2026-07-11T10:00+01:00"),  # Friday evening to Saturday
        ("2026-10-24T14:00", False, "2026-10-26T09:00+00:00"),  # the clocks go back on Sunday
    ],
)
def test_open_and_next_opening(moment: str, open_then: bool, opens: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert WEEK.open_at(at) is open_then
    assert WEEK.opens_after(at) == datetime.fromisoformat(opens)


def test_no_hours_are_all_hours() -> None:
    assert office_hours([], "UTC").open_at(datetime.now(UTC))
    assert office_hours(["sun 00:00-24:00"], "UTC").open_at(datetime(2026, 11, 22, 23, 59, tzinfo=UTC))


@pytest.mark.parametrize("line", ["", "daily", "mon 9-17", "mon 25:00-26:00", "fri-mon 09:00-17:00", "mon 17:00-09:00"])
def test_what_is_not_understood_is_named(line: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="office_hours"):
        office_hours([line], "UTC")
    with pytest.raises(InvalidInput, match="office_hours"):
        load_settings(tmp_path, office_hours=[line])


def test_an_unknown_time_zone_is_named() -> None:
    with pytest.raises(InvalidInput, match="Mars/Base"):
        office_hours([], "Mars/Base")
