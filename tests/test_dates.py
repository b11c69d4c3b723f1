from datetime import UTC, date, datetime

import pytest

from retrieval.dates import day, day_of


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01",
        " 2026/3/1 ",
        "2026-03-01T10:00:00Z",
        "2026.03.01",
        "2026年3月1日",
        "2026-03-01 10:00",
        date(2026, 3, 1),
        datetime(2026, 3, 1, tzinfo=UTC),
    ],
)
def test_days_are_read_in_any_usual_form(value: object) -> None:
    assert day(value) == "2026-03-01"


@pytest.mark.parametrize("value", [None, "", "01/03/2026", "March 2026", "2026-13-01", 2026, True, ["2026-03-01"]])
def test_what_may_be_read_in_two_ways_is_no_day(value: object) -> None:
    assert day(value) is None


def test_the_last_change_counts_before_the_first_day() -> None:
    assert day_of({"date": "2024-01-01", "updated": "2026-03-01"}) == "2026-03-01"
    assert day_of({"updated": "soon", "date": "2024-01-01"}) == "2024-01-01"
    assert day_of({"title": "2024-01-01"}) is None
