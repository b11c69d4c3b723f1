"""What waiting customers are told: their place, whether somebody is there, and when somebody will be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from assistant.settings import load_settings
from assistant.store import Store
from assistant.store_staff import add_staff
from assistant.waiting import waiting

MONDAY_NOON = datetime(2026, 7, 6, 12, tzinfo=UTC)
SUNDAY = datetime(2026, 7, 5, 12, tzinfo=UTC)


def test_the_place_in_the_queue_is_told(store: Store, chat: str, tmp_path: Path) -> None:
    add_staff(store, "Aoife", "lamps and leaves")
    settings = load_settings(tmp_path)
    first = store.create_conversation(channel="web").id
    assert waiting(store, chat, "en", settings).position is None
    store.request_person(first, "asked_for_person")
    store.request_person(chat, "asked_for_person")
    told = waiting(store, chat, "en", settings)
    assert (told.position, told.staffed, told.contact) == (2, True, False)
    assert told.text.startswith("Conversations before yours: 1.")
    store.take_over(first, "Aoife")
    assert waiting(store, chat, "en", settings).text == "You are next in line. We usually answer within 24 h."
    assert waiting(store, chat, "zh", settings).text.startswith("下一位就是您。")


def test_outside_the_hours_the_next_opening_is_told(store: Store, chat: str, tmp_path: Path) -> None:
    add_staff(store, "Aoife", "lamps and leaves")
    settings = load_settings(tmp_path, office_hours=["mon-fri 09:00-17:00"])
    assert waiting(store, chat, "en", settings, MONDAY_NOON).staffed
    told = waiting(store, chat, "en", settings, SUNDAY)
    assert not told.staffed and told.contact
    assert "back on Monday at 09:00 (UTC)" in told.text
    assert "周一 09:00" in waiting(store, chat, "zh", settings, SUNDAY).text


def test_where_no_staff_is_registered_nobody_is_promised(store: Store, chat: str, tmp_path: Path) -> None:
    told = waiting(store, chat, None, load_settings(tmp_path))
    assert not told.staffed and told.contact and told.opens_at is None
