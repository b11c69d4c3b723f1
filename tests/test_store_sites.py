"""Sites, visitors and used tokens, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from assistant import store_sites
from assistant.errors import Conflict, InvalidInput, NotFound, Unauthorized
from assistant.store import Store
from assistant.store_sites import Visitor
from assistant.tables import now
from tests.storing import together


def visitor(token_id: str = "j-1") -> Visitor:
    return Visitor("c-1", token_id, now() + timedelta(minutes=5), "Mei", "mei@example.org")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("https://Shop.example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://münchen.example", "http://xn--mnchen-3ya.example"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_origins_are_kept_as_browsers_send_them(text: str, stored: str) -> None:
    assert store_sites.origin(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "*",
        "",
        "https://*.example",
        "https://a.b/c",
        "ftp://x",
        "javascript:alert(1)",
        "https://u@h",
        "shop.example",
        "http://x:99999",
        "https://a b",
        "https://a.b?c",
        "https://a.b#c",
        "https://[broken",
        "data:text/html,x",
        "https://",
    ],
)
def test_anything_that_is_no_single_origin_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="origin"):
        store_sites.origin(text)


def test_sites_are_added_listed_and_removed(store: Store) -> None:
    shop = store_sites.add_site(store, "Shop", ["https://shop.example"], ["https://frame.example"])
    other = store_sites.add_site(store, "Other", [], key="other")
    assert store_sites.sites(store) == [shop, other]
    assert store_sites.site(store, shop.key) == shop and shop.origins == ("https://shop.example",)
    with pytest.raises(Conflict):
        store_sites.add_site(store, "Again", [], key="other")
    for odd in ("x", "a b", "../x", "x" * 65, "<script>"):
        with pytest.raises(InvalidInput):
            store_sites.add_site(store, "Odd", [], key=odd)
    store_sites.remove_site(store, "other")
    for missing in ("other", "\x00", "x" * 999, ""):
        with pytest.raises(NotFound):
            store_sites.site(store, missing)
    assert "value" not in repr(shop)  # logs and tracebacks show no secret


def test_a_rotated_secret_is_good_for_its_grace_and_then_gone(store: Store) -> None:
    first = store_sites.add_site(store, "Shop", []).secrets[0]
    key = store_sites.sites(store)[0].key
    rotated = store_sites.rotate_secret(store, key, timedelta(hours=2))
    assert rotated.secrets[0].until is None and rotated.secrets[0].value != first.value
    assert rotated.secret(first.id, now()) is not None
    assert rotated.secret(first.id, now() + timedelta(hours=3)) is None
    at_once = store_sites.rotate_secret(store, key, timedelta(0))
    assert [s.id for s in at_once.secrets if at_once.secret(s.id, now())] == [at_once.secrets[0].id]


def test_a_visitor_token_begins_one_conversation(store: Store) -> None:
    key = store_sites.add_site(store, "Shop", []).key

    def begin(_: int) -> str:
        try:
            found = store_sites.begin_conversation(
                store, channel="widget", token_hash="h", site_key=key, visitor=visitor(), attributes={"plan": "gold"}
            )
        except Unauthorized:
            return ""
        return found.id

    begun = [conversation for conversation in together(6, begin) if conversation]
    assert len(begun) == 1
    found = store.conversation(begun[0])
    assert (found.customer_id, found.site) == ("c-1", key)
    known = store_sites.known_visitor(store, begun[0])
    assert known is not None and known.verified and (known.name, known.attributes) == ("Mei", {"plan": "gold"})
    other = store_sites.add_site(store, "Other", []).key
    assert store_sites.begin_conversation(
        store, channel="widget", token_hash="h", site_key=other, visitor=visitor()
    ).site == other  # fmt: skip


def test_attributes_add_up_and_are_bounded(store: Store, chat: str) -> None:
    store_sites.set_attributes(store, chat, {"plan": "gold", "page": "/"})
    store_sites.set_attributes(store, chat, {"page": "/cart"})
    known = store_sites.known_visitor(store, chat)
    assert known is not None and known.attributes == {"plan": "gold", "page": "/cart"} and not known.verified
    for odd in ({"": "x"}, {"x": "y" * 301}, {f"n{n}": "v" for n in range(31)}):
        with pytest.raises(InvalidInput):
            store_sites.set_attributes(store, chat, odd)


def test_forgetting_a_customer_erases_what_is_known_of_the_visitor(store: Store) -> None:
    key = store_sites.add_site(store, "Shop", []).key
    begun = store_sites.begin_conversation(store, channel="widget", token_hash="h", site_key=key, visitor=visitor())
    store.forget_customer("c-1")
    assert store_sites.known_visitor(store, begun.id) is None
