"""Texts that say nearly the same are told, others are not."""

from __future__ import annotations

from training.near_duplicates import NearDuplicates

LONG = "Where is my parcel? I ordered a lamp two weeks ago and the tracking page has not changed since then."


def test_small_changes_make_no_new_text() -> None:
    duplicates = NearDuplicates(0.85)
    assert not duplicates.seen(LONG)
    assert duplicates.seen(LONG.upper() + " 123")
    assert duplicates.seen(LONG.replace("lamp", "lamps"))


def test_other_texts_are_new_in_any_script() -> None:
    duplicates = NearDuplicates(0.85)
    texts = [LONG, "Can I return a lamp that I opened?", "我的包裹在哪里？", "可以退货吗？", "", "ok"]
    assert [duplicates.seen(text) for text in texts] == [False] * len(texts)
