"""Waiting and leaving a message over HTTP: the place in the queue, office hours told honestly, tickets with a bound."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from assistant.store_staff import add_staff
from assistant.store_tickets import MOST_OPEN
from assistant.tables import now
from tests.web import Talk, site


def waiting(talk: Talk) -> dict[str, object]:
    answer = talk.site.client.get(f"{talk.path}/waiting", headers=talk.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_the_place_in_the_queue_moves_up_as_others_are_served(tmp_path: Path) -> None:
    with site(tmp_path) as shop:
        add_staff(shop.store, "Aoife", "lamps and leaves")
        first, second = shop.begin(), shop.begin()
        assert waiting(first)["position"] is None
        for talk in (first, second):
            talk.post("/hand_over")
        assert (waiting(first)["position"], waiting(second)["position"]) == (1, 2)
        assert "before yours: 1" in str(waiting(second)["text"]) and not waiting(second)["contact"]
        shop.store.take_over(first.id, "Aoife")
        assert waiting(second)["position"] == 1 and waiting(first)["position"] is None


def test_outside_office_hours_the_next_opening_is_told_and_a_message_can_be_left(tmp_path: Path) -> None:
    day = (now() + timedelta(days=2)).strftime("%a").lower()
    with site(tmp_path, office_hours=[f"{day} 09:00-09:30"]) as shop:
        add_staff(shop.store, "Aoife", "lamps and leaves")
        talk = shop.begin()
        talk.post("/hand_over")
        told = waiting(talk)
        assert (told["staffed"], told["contact"]) == (False, True)
        assert "09:00" in str(told["text"]) and told["opens_at"] is not None
        left = talk.post("/contact", {"contact": "ann@example.org", "text": "Call me", "name": "Ann"})
        assert left.status_code == 201 and left.json()["ticket"]


def test_odd_forms_are_refused_and_nobody_fills_the_desk_with_them(tmp_path: Path) -> None:
    good = {"contact": "ann@example.org", "text": "Call me"}
    with site(tmp_path) as shop:
        talk = shop.begin()
        for body in ({}, good | {"contact": " "}, good | {"text": ""}, good | {"text": "x" * 4001}, good | {"more": 1}):
            assert talk.post("/contact", body).status_code == 422, body
        assert [talk.post("/contact", good).status_code for _ in range(MOST_OPEN + 1)] == [201] * MOST_OPEN + [409]
