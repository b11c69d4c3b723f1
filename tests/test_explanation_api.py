"""The explanation over HTTP: for staff who are logged in, and for nobody else."""

from __future__ import annotations

from pathlib import Path

from assistant.store_staff import add_staff, log_in
from tests.web import QUESTION, RETURNS, site
from ui.staff_access import COOKIE


class Published:
    """An index that holds one passage."""

    passages = (RETURNS,)

    def number(self, passage_id: str) -> int | None:
        return 0 if passage_id == RETURNS.id else None


def test_staff_see_why_and_others_do_not(tmp_path: Path) -> None:
    with site(tmp_path) as shop:
        shop.app.state.services.assistant.retriever.index = Published()
        talk = shop.begin()
        reply = dict(talk.say(QUESTION))["completed"]["message_id"]
        path = f"/api/v1/staff/messages/{reply}/explanation"
        assert shop.client.get(path).status_code == 401
        assert shop.client.get(path, headers=talk.headers).status_code == 401
        add_staff(shop.store, "Kim", "lamps and leaves")
        shop.client.cookies.set(COOKIE, log_in(shop.store, "Kim", "lamps and leaves")[0])
        found = shop.client.get(path).json()
        assert found["asked"] == QUESTION and found["decision"]["action"] == "answer" and found["consulted"] == "base"
        assert found["passages"][0]["text"] == RETURNS.text and found["unsupported_share"] == 0.0
        assert found["nearest_missing"] == "the untuned base model was asked"
        assert shop.client.get("/api/v1/staff/messages/none/explanation").status_code == 404
