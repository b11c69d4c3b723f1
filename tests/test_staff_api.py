"""The staff API: every route needs a login, admins' routes an admin, changes the desk's page; agents do not collide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from assistant.store_approvals import approvals_of, approve_reply, revoke_all
from assistant.store_staff import add_staff, disable_staff, set_role
from assistant.tables_learning import RunRow
from tests.staff import PASSWORD, staffed
from tests.strangers import BODIES
from tests.web import QUESTION, Site, eventually, read_events
from ui.staff_access import COOKIE

EXPLANATION = "/api/v1/staff/messages/{message_id}/explanation"  # needs an index: tests/test_explanation_api.py
ADMINS_ONLY = {
    ("POST", "/api/v1/staff/adapters/{adapter_id}/promote"),
    ("POST", "/api/v1/staff/rollback"),
    ("POST", "/api/v1/staff/runs/{run_id}/restore"),
    ("POST", "/api/v1/staff/templates/{template_id}/approve"),
    ("POST", "/api/v1/staff/templates/{template_id}/retire"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with staffed(tmp_path_factory.mktemp("shop")) as running:
        yield running


@contextmanager
def login(shop: Site, name: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop.url, timeout=20) as client:
        answer = client.post("/desk/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client


@pytest.fixture(scope="module")
def aoife(shop: Site) -> Iterator[httpx.Client]:
    with login(shop, "Aoife") as client:
        yield client


@pytest.fixture(scope="module")
def ben(shop: Site) -> Iterator[httpx.Client]:
    with login(shop, "Ben") as client:
        yield client


@pytest.fixture(scope="module")
def routes(shop: Site) -> list[tuple[str, str]]:
    found = {
        (method, str(route.path))
        for route in iter_route_contexts(shop.app.routes)
        if route.path and route.methods and str(route.path).startswith("/api/v1/staff/")
        for method in route.methods
    }
    assert len(found) > 20 and found >= ADMINS_ONLY
    return sorted(found)


def body_of(method: str, path: str) -> Any:
    return BODIES.get(path.rsplit("/", 1)[-1]) if method == "POST" else None


def test_no_route_answers_without_a_login(shop: Site, routes: list[tuple[str, str]]) -> None:
    talk = shop.begin()
    bad: list[dict[str, Any]] = [{}, {"cookies": {COOKIE: "guessed"}}, {"headers": talk.headers}]
    for method, path in routes:
        url = path.replace("{conversation_id}", talk.id)
        for proof in bad:
            with httpx.Client(base_url=shop.url, **proof) as client:
                answer = client.request(method, url, json=body_of(method, path))
            assert answer.status_code == 401, (method, path, answer.text)


def test_every_change_is_refused_to_other_sites(shop: Site, aoife: httpx.Client, routes: list[tuple[str, str]]) -> None:
    for method, path in routes:
        if method == "GET":
            continue
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = aoife.request(method, path, json=body_of(method, path), headers=headers)
            assert answer.status_code == 403, (method, path, answer.text)


def test_what_admins_may_agents_may_not(ben: httpx.Client, aoife: httpx.Client) -> None:
    for method, path in ADMINS_ONLY:
        assert ben.request(method, path, json={}).status_code == 403
        assert aoife.request(method, path, json={}).status_code in (404, 409)  # there is no such thing


def test_unknown_ids_are_not_found(aoife: httpx.Client, routes: list[tuple[str, str]]) -> None:
    for method, path in routes:
        if "{" in path and (method, path) not in ADMINS_ONLY and path != EXPLANATION:
            answer = aoife.request(method, path, json=body_of(method, path))
            assert answer.status_code == 404, (method, path, answer.text)


def test_a_conversation_from_the_queue_to_the_close(shop: Site, aoife: httpx.Client, ben: httpx.Client) -> None:
    talk = shop.begin()
    reply = dict(talk.say(QUESTION))["completed"]["message_id"]
    talk.post("/hand_over")
    assert talk.site.client.get(f"{talk.path}/waiting", headers=talk.headers).json()["position"] == 1
    path = f"/api/v1/staff/conversations/{talk.id}"
    assert talk.id in [item["id"] for item in aoife.get("/api/v1/staff/inbox").json()["items"]]
    assert aoife.post(f"{path}/messages", json={"text": "Hello"}).status_code == 409
    assert aoife.post(f"{path}/take_over").json() == {"state": "person"}
    taken = ben.post(f"{path}/take_over")
    assert taken.status_code == 409 and "Aoife" in taken.json()["error"]["message"]
    for deed, body in (("messages", {"text": "Hi"}), ("give_back", None), ("close", {})):
        assert ben.post(f"{path}/{deed}", json=body).status_code == 409

    assert aoife.post(f"{path}/messages", json={"text": "Hello"}).status_code == 201
    assert [event for event, _ in talk.say(QUESTION)] == ["accepted", "waiting_for_person"]
    eventually(lambda: aoife.get(path).json()["draft"] is not None)
    assert [m["author"] for m in talk.messages()] == ["customer", "assistant", "person", "customer"]
    assert ben.post(f"{path}/notes", json={"text": "kind"}).status_code == 201
    shown = aoife.get(path).json()
    assert [note["text"] for note in shown["notes"]] == ["kind"]
    assert shown["brief"]["tried"][0]["action"] == "answer" and shown["brief"]["suggestion"]["text"]
    trace = aoife.get(f"/api/v1/staff/messages/{reply}/trace").json()
    assert trace["evidence"] > 0.5 and trace["hits"][0]["passage_id"] == "faq#0"
    assert "kind" not in talk.site.client.get(f"{talk.path}/messages", headers=talk.headers).text

    assert aoife.post(f"{path}/give_back").json() == {"state": "assistant"}
    assert ben.post(f"{path}/close", json={"resolved": False}).json() == {"state": "closed"}
    assert shop.store.conversation(talk.id).resolved is False


def test_a_draft_is_written_on_request(shop: Site, aoife: httpx.Client) -> None:
    talk = shop.begin()
    path = f"/api/v1/staff/conversations/{talk.id}/draft"
    assert aoife.post(path).status_code == 422  # nothing asked yet
    talk.say(QUESTION)
    assert "30 days" in aoife.post(path).json()["draft"]["text"]
    assert len(talk.messages()) == 2


def test_contact_forms_become_tickets(shop: Site, aoife: httpx.Client, ben: httpx.Client) -> None:
    talk = shop.begin()
    made = talk.post("/contact", {"contact": "ann@example.org", "text": "Where is my lamp?"})
    assert made.status_code == 201
    found = aoife.get("/api/v1/staff/tickets").json()
    assert [(t["contact"], t["text"]) for t in found] == [("ann@example.org", "Where is my lamp?")]
    close = f"/api/v1/staff/tickets/{found[0]['id']}/close"
    assert aoife.post(close).status_code == 200
    assert ben.post(close).status_code == 409
    assert talk.post("/contact", {"contact": " ", "text": "x"}).status_code == 422


def test_canned_answers_are_shared(aoife: httpx.Client, ben: httpx.Client) -> None:
    made = aoife.post("/api/v1/staff/canned", json={"title": "Hello", "text": "How can I help?"}).json()
    assert ben.get("/api/v1/staff/canned").json() == [made]
    assert ben.post(f"/api/v1/staff/canned/{made['id']}/remove").status_code == 200


def test_the_stream_tells_of_changes_and_ends_with_the_login(shop: Site) -> None:
    add_staff(shop.store, "Dora", PASSWORD)
    with login(shop, "Dora") as client, client.stream("GET", "/api/v1/staff/events") as answer:
        events = (event for event, _ in read_events(answer.iter_lines()) if event != "ping")
        assert next(events) == "changed"
        shop.begin().say(QUESTION)
        assert next(events) == "changed"
        disable_staff(shop.store, "Dora")
        assert list(events)[-1] == "error"


def test_a_login_ends_with_a_change_of_role_and_with_the_log_out(shop: Site) -> None:
    add_staff(shop.store, "Cara", PASSWORD)
    with login(shop, "Cara") as client:
        assert client.get("/api/v1/staff/me").json() == {"name": "Cara", "role": "agent"}
        set_role(shop.store, "Cara", "admin")
        assert client.get("/api/v1/staff/me").status_code == 401
    with login(shop, "Cara") as client:
        cookie = client.cookies[COOKIE]
        assert client.post("/desk/logout").status_code == 303
        client.cookies.set(COOKIE, cookie)
        assert client.get("/api/v1/staff/me").status_code == 401


def test_a_reviewed_answer_becomes_a_template(shop: Site, aoife: httpx.Client, ben: httpx.Client) -> None:
    def review(client: httpx.Client, **body: str) -> None:
        reply = dict(shop.begin().say(QUESTION))["completed"]["message_id"]
        answer = client.post(f"/api/v1/staff/review/{reply}", json={"verdict": "template", **body})
        assert answer.status_code == 200, answer.text

    review(ben, question="How long may I return?", text="Thirty days.")
    (draft,) = ben.get("/api/v1/staff/templates").json()["drafts"]
    assert (draft["questions"], draft["text"], draft["state"]) == (["How long may I return?"], "Thirty days.", "draft")
    path = f"/api/v1/staff/templates/{draft['id']}"
    assert ben.post(f"{path}/approve").status_code == 403
    assert aoife.post(f"{path}/approve").json()["state"] == "approved"
    review(aoife, question="Do you ship abroad?", text="To all of Europe.")
    assert ben.get("/api/v1/staff/templates").json()["drafts"] == []
    assert aoife.post(f"{path}/retire").json()["state"] == "retired"
    assert ben.post("/api/v1/staff/review/x", json={"verdict": "template"}).status_code == 404


def test_an_admin_takes_back_a_false_alarm(shop: Site, aoife: httpx.Client) -> None:
    with shop.store.writing() as session:
        alarm = RunRow(trigger="schedule", state="finished", decision="refused", result={})
        session.add(alarm)
        session.flush()
        name = alarm.id
    reply = dict(shop.begin().say(QUESTION))["completed"]["message_id"]
    approve_reply(shop.store, reply, "Ben")
    revoke_all(shop.store, [reply], f"run {name}")
    assert aoife.post(f"/api/v1/staff/runs/{name}/restore").json() == {"restored": 1}
    assert approvals_of(shop.store, [reply])[reply].valid
    assert aoife.post(f"/api/v1/staff/runs/{name}/restore").status_code == 404
    assert aoife.post("/api/v1/staff/runs/none/restore").status_code == 404
