"""What the desk gets to see of a conversation: who the visitor is, messages page by page, nothing that is HTML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.forgeries import Forger, add_sites
from tests.staff import staff_client, staffed
from tests.web import QUESTION, Site
from ui.staff_api import EARLIER, RECENT


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with staffed(tmp_path_factory.mktemp("shop")) as running:
        add_sites(running)
        yield running


@pytest.fixture(scope="module")
def ben(shop: Site) -> Iterator[httpx.Client]:
    with staff_client(shop, "Ben") as found:
        yield found


def shown(ben: httpx.Client, conversation_id: str) -> dict[str, Any]:
    answer = ben.get(f"/conversations/{conversation_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_signed_names_are_told_from_what_a_page_says(shop: Site, ben: httpx.Client) -> None:
    forger = Forger(shop, 1)
    known = forger.begin(visitor_token=forger.signed(sub="c-7", name="Mei", email="mei@example.org"))
    known.post("/attributes", {"attributes": {"plan": "gold"}})
    told = shown(ben, known.id)
    assert (told["customer"], told["site"]) == ("c-7", "shop")
    assert told["visitor"] == {
        "verified": True,
        "name": "Mei",
        "email": "mei@example.org",
        "attributes": {"plan": "gold"},
    }
    stranger = forger.begin()
    assert shown(ben, stranger.id)["visitor"] is None
    stranger.post("/attributes", {"attributes": {"name": "the owner"}})
    told = shown(ben, stranger.id)["visitor"]
    assert (told["verified"], told["name"], told["attributes"]) == (False, None, {"name": "the owner"})


def test_texts_are_trees_of_text_and_customers_words_stay_plain(shop: Site, ben: httpx.Client) -> None:
    talk = shop.begin()
    talk.say(QUESTION)
    shop.store.request_person(talk.id, "asked_for_person")
    shop.store.take_over(talk.id, "Ben")
    shop.store.add_customer_message(talk.id, "<img src=x> **bold**")
    shop.store.add_person_message(talk.id, "<img src=x> [x](javascript:alert(1)) **bold**", "Ben")
    customer, person = shown(ben, talk.id)["messages"][-2:]
    assert (customer["text"], customer["blocks"]) == ("<img src=x> **bold**", [])
    assert person["blocks"][0][0] == "p" and "javascript" not in str(person["blocks"]).replace(
        "javascript:alert(1)", ""
    )
    assert ["strong", "bold"] in person["blocks"][0]


def test_a_long_conversation_comes_in_pages_without_gap_or_repeat(shop: Site, ben: httpx.Client) -> None:
    chat = shop.store.create_conversation(channel="web").id
    total = RECENT + EARLIER + 30
    for number in range(total):
        shop.store.add_customer_message(chat, f"Line {number}")
    found = shown(ben, chat)
    texts, more = [message["text"] for message in found["messages"]], found["more"]
    assert (len(texts), more) == (RECENT, True)
    oldest = found["messages"][0]["id"]
    while more:
        page = ben.get(f"/messages/{oldest}/earlier").json()
        texts = [message["text"] for message in page["messages"]] + texts
        oldest, more = page["messages"][0]["id"], page["more"]
    assert texts == [f"Line {number}" for number in range(total)]
    assert ben.get(f"/messages/{oldest}/earlier").json() == {"messages": [], "more": False}


def test_a_customer_who_has_sent_is_no_longer_shown_as_writing(shop: Site, ben: httpx.Client) -> None:
    talk = shop.begin()
    talk.post("/hand_over")
    shop.store.take_over(talk.id, "Ben")
    talk.post("/typing")
    assert shown(ben, talk.id)["customer_types"] is True
    talk.say("It arrived broken.")
    assert shown(ben, talk.id)["customer_types"] is False
