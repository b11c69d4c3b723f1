"""Scattered records come back conversation by conversation, in the order they came."""

from __future__ import annotations

from training.record_groups import Group, RecordGroups


def test_groups_keep_the_order_of_first_appearance_and_of_their_parts() -> None:
    with RecordGroups() as groups:
        groups.add("b", "line 1", {"resolved": "no"}, {"n": 1})
        groups.add("a", "line 2", {}, {"n": 2})
        groups.add("b", "line 3", {"resolved": "yes"}, None)
        groups.add("b", "line 4", {}, {"n": 3})
        assert list(groups) == [
            Group("b", "line 1", {"resolved": "yes"}, ({"n": 1}, {"n": 3})),
            Group("a", "line 2", {}, ({"n": 2},)),
        ]


def test_no_records_no_groups() -> None:
    with RecordGroups() as groups:
        assert list(groups) == []
