"""Review, training and insights over HTTP: verdicts become approvals; admins alone move adapters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant.store_approvals import approvals_of
from assistant.tables_learning import RunRow
from tests.staff import staff_client, staffed
from tests.web import QUESTION, Site


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with staffed(tmp_path_factory.mktemp("shop")) as running:
        yield running


@pytest.fixture(scope="module")
def ben(shop: Site) -> Iterator[httpx.Client]:
    with staff_client(shop, "Ben") as found:
        yield found


@pytest.fixture(scope="module")
def aoife(shop: Site) -> Iterator[httpx.Client]:
    with staff_client(shop, "Aoife") as found:
        yield found


def disliked(shop: Site, comment: str = "too short") -> str:
    """The id of a reply that its customer did not like."""
    talk = shop.begin()
    reply: str = dict(talk.say(QUESTION))["completed"]["message_id"]
    rated = shop.client.post(
        f"/api/v1/messages/{reply}/rating", json={"value": -1, "comment": comment}, headers=talk.headers
    )
    assert rated.status_code == 200
    return reply


def in_queue(ben: httpx.Client) -> dict[str, dict[str, Any]]:
    return {item["message_id"]: item for item in ben.get("/review").json()}


def test_a_disliked_answer_waits_with_its_question_reason_and_comment(shop: Site, ben: httpx.Client) -> None:
    reply = disliked(shop, "<b>wrong</b>")
    item = in_queue(ben)[reply]
    assert (item["question"], item["why"], item["comment"]) == (QUESTION, ["thumbs_down"], "<b>wrong</b>")
    assert item["evidence"] == 0.9 and item["sources"][0]["title"] and item["blocks"][0][0] == "p"


@pytest.mark.parametrize(
    ("verdict", "more", "corrected"),
    [("approved", {}, None), ("corrected", {"text": " Thirty days. "}, "Thirty days.")],
)
def test_a_verdict_is_recorded_as_an_approval_of_its_reviewer(
    shop: Site, ben: httpx.Client, verdict: str, more: dict[str, str], corrected: str | None
) -> None:
    reply = disliked(shop)
    assert ben.post(f"/review/{reply}", json={"verdict": verdict, **more}).json() == {"verdict": verdict}
    approval = approvals_of(shop.store, [reply])[reply]
    assert (approval.by, approval.valid, approval.corrected) == ("Ben", True, corrected)
    assert reply not in in_queue(ben)


def test_a_dismissed_answer_leaves_the_queue_and_is_not_learnt_from(shop: Site, ben: httpx.Client) -> None:
    reply = disliked(shop)
    assert ben.post(f"/review/{reply}", json={"verdict": "dismissed"}).status_code == 200
    assert reply not in in_queue(ben) and approvals_of(shop.store, [reply]) == {}


@pytest.mark.parametrize(
    "body", [{"verdict": "corrected"}, {"verdict": "knowledge", "text": "x"}, {"verdict": "good"}, {}, {"text": "x"}]
)
def test_a_verdict_without_what_it_needs_is_refused_and_the_answer_stays(
    shop: Site, ben: httpx.Client, body: dict[str, str]
) -> None:
    reply = disliked(shop)
    assert ben.post(f"/review/{reply}", json=body).status_code == 422
    assert reply in in_queue(ben) and approvals_of(shop.store, [reply]) == {}


def test_a_run_is_told_with_its_note_as_a_page_that_can_do_nothing(shop: Site, ben: httpx.Client) -> None:
    with shop.store.writing() as session:
        row = RunRow(trigger="manual", state="finished", decision="refused", result={"reasons": ["it invents"]})
        session.add(row)
        session.flush()
        name = row.id
    told = next(run for run in ben.get("/training").json()["runs"] if run["id"] == name)
    assert (told["decision"], told["reasons"], told["note"]) == ("refused", ["it invents"], False)
    assert ben.get(f"/runs/{name}/note").status_code == 404
    folder: Path = shop.app.state.services.assistant.settings.home / "runs" / name
    folder.mkdir(parents=True)
    (folder / "note.html").write_text("<p>what changed</p>", "utf-8")
    note = ben.get(f"/runs/{name}/note")
    assert note.text == "<p>what changed</p>" and "sandbox" in note.headers["content-security-policy"]
    assert "script-src" not in note.headers["content-security-policy"]
    assert ben.get(f"/runs/{name}/story").json() == {"points": [], "improved": [], "worsened": []}


def test_who_may_promote_is_told_and_kept(ben: httpx.Client, aoife: httpx.Client) -> None:
    assert ben.get("/training").json()["may_change"] is False
    shelf = aoife.get("/training").json()
    assert (shelf["may_change"], shelf["serving"], shelf["can_roll_back"]) == (True, None, False)
    assert ben.post("/rollback").status_code == 403
    assert aoife.post("/rollback").status_code == 409  # nothing served before
    assert aoife.post("/adapters/none/promote").status_code == 404


def test_questions_without_an_answer_are_gathered(tmp_path: Path) -> None:
    with staffed(tmp_path, evidence=0.05) as shop:
        for _ in range(2):
            shop.begin().say("Do you sell gift cards?")
        with staff_client(shop, "Ben") as ben:
            (gap,) = ben.get("/gaps").json()
    assert (gap["title"], gap["count"], gap["questions"]) == ("Do you sell gift cards?", 2, ["Do you sell gift cards?"])
