"""Single fields of exports: times, ratings and roles in the forms they come in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from training.log_fields import (
    Malformed,
    author_of,
    content_id,
    identifier,
    rating_or_none,
    stars_or_none,
    time_or_none,
    truth_or_none,
)

MOMENT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        *(1700000000, 1700000000.0, "1700000000", 1700000000000),
        *("2023-11-14T22:13:20Z", "2023-11-14 22:13:20 UTC", "2023-11-14T23:13:20+01:00", "2023-11-14 22:13:20"),
        *("Tue Nov 14 22:13:20 +0000 2023", "Nov 14, 2023 10:13:20 PM"),
    ],
)
def test_times_of_all_forms_are_utc(value: object) -> None:
    assert time_or_none(value) == MOMENT


@pytest.mark.parametrize("value", [True, [], {}, "soon", 1e300, "2023-13-45"])
def test_what_is_no_time_is_told(value: object) -> None:
    with pytest.raises(Malformed, match="not a time"):
        time_or_none(value)


def test_no_time_is_none() -> None:
    assert time_or_none(None) is time_or_none("") is None


def test_ratings_and_stars() -> None:
    assert [rating_or_none(v) for v in (1, -1, True, "good", "👎", 5, 2, 3, None, "")] == [
        1,
        -1,
        1,
        1,
        -1,
        1,
        -1,
        None,
        None,
        None,
    ]
    assert [stars_or_none(v) for v in (5, "4", 0, 6, None, "many")] == [5, 4, None, None, None, None]
    assert [truth_or_none(v) for v in (True, "Solved", "open", "?", None)] == [True, True, False, None, None]


def test_roles() -> None:
    assert [author_of(r) for r in ("user", "End-User", "gpt", "Agent Bot", "ADMIN", "tool", "note")] == [
        "customer", "customer", "assistant", "assistant", "person", None, None,
    ]  # fmt: skip
    with pytest.raises(Malformed, match="'wizard'"):
        author_of("wizard")


def test_ids() -> None:
    assert [identifier(v, "id") for v in (7, 7.0, " x ")] == ["7", "7", "x"]
    for bad in (None, "", True, [1]):
        with pytest.raises(Malformed):
            identifier(bad, "id")
    assert content_id({"a": 1, "b": 2}) == content_id({"b": 2, "a": 1})
