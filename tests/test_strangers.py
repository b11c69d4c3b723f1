"""Every route of the application, every role, a foreign id: refused, whoever adds a route."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.forgeries import OTHER, SHOP, Forger, add_sites
from tests.strangers import SHARED, World, doors, expected, world
from tests.test_explanation_api import Published
from tests.web import Site, site

ROLES = {
    "nobody",
    "anonymous visitor",
    "another visitor of the site",
    "another site's visitor",
    "agent",
    "admin",
    "disabled agent",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("shop")
    with site(home, requests_per_minute=10**6, api_keys=["a-long-random-key"]) as running:
        running.app.state.services.assistant.retriever.index = Published()
        add_sites(running)
        yield running


@pytest.fixture(scope="module")
def everybody(server: Site) -> World:
    return world(server)


def test_every_route_and_every_role_with_a_foreign_id_is_refused(server: Site, everybody: World) -> None:
    roles = {role.name: role for role in everybody.roles}
    assert set(roles) == ROLES
    before = [(message.id, message.rating) for message in server.store.messages(everybody.ids["conversation_id"])]
    found = list(everybody.answers())
    print(len(found), "answers:", dict(Counter(answer.status for answer in found)))
    wrong = [answer for answer in found if answer.status != expected(answer.door, roles[answer.role])]
    assert wrong == []
    assert {answer.status for answer in found} == {401, 403, 404}  # 401: no proof for this door at all
    assert not [answer for answer in found if "30 days" in answer.text or "mei@example.org" in answer.text]
    with_ids = [door for door in doors(server) if "{" in door.path and door.path not in SHARED]
    assert len(with_ids) > 25 and len(found) == len(with_ids) * len(ROLES)
    conversation = server.store.conversation(everybody.ids["conversation_id"])
    assert (conversation.state, conversation.satisfaction) == ("assistant", None)
    assert [(message.id, message.rating) for message in server.store.messages(conversation.id)] == before


def test_every_route_without_an_id_is_closed_to_who_has_no_proof_for_it(everybody: World) -> None:
    roles = {role.name: role for role in everybody.roles}
    found = list(everybody.closed())
    assert [answer for answer in found if answer.status != expected(answer.door, roles[answer.role])] == []
    assert len(found) > 60


def test_a_place_in_a_foreign_conversation_is_no_place_in_ones_own(server: Site, everybody: World) -> None:
    talk = Forger(server, 1).begin()
    for path in ("messages", "events"):
        query = {"after": everybody.ids["message_id"]}
        answer = server.client.get(f"{talk.path}/{path}", params=query, headers=talk.headers)
        assert answer.status_code == 404, path


def test_a_foreign_site_key_opens_nothing(server: Site) -> None:
    for origin, key in ((OTHER, "shop"), (SHOP, "other"), (SHOP, "nobody's"), (None, "nobody's")):
        headers = {"Origin": origin} if origin else {}
        begun = server.client.post("/api/v1/conversations", json={"site_key": key}, headers=headers)
        opened = server.client.get("/api/v1/widget", params={"site_key": key}, headers=headers)
        framed = server.client.get("/widget/frame", params={"site_key": key, "parent": origin or SHOP})
        assert {begun.status_code, opened.status_code, framed.status_code} == {403}, (origin, key)
