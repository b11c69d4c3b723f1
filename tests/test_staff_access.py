"""Who of the staff is calling: sessions, roles, and pages of other sites."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from assistant.errors import Forbidden, Unauthorized
from assistant.store import Store
from assistant.store_staff import add_staff, disable_staff, log_in, set_role
from ui.staff_access import COOKIE, current_admin, refuse_other_sites, session_token, staff_of

PASSWORD = "lamps and leaves"


@pytest.mark.parametrize("cookies", [{}, {COOKIE: ""}, {COOKIE: "x" * 201}, {"other": "abc"}])
def test_without_a_session_of_sane_length_nobody_is_logged_in(cookies: dict[str, str]) -> None:
    with pytest.raises(Unauthorized):
        session_token(cookies)


async def test_the_store_decides_at_each_call(store: Store) -> None:
    add_staff(store, "Aoife", PASSWORD, "admin")
    cookies = {COOKIE: log_in(store, "Aoife", PASSWORD)[0]}
    aoife = await staff_of(store, cookies)
    assert (aoife.name, (await current_admin(aoife)).role) == ("Aoife", "admin")
    set_role(store, "Aoife", "agent")
    with pytest.raises(Unauthorized):
        await staff_of(store, cookies)
    cookies = {COOKIE: log_in(store, "Aoife", PASSWORD)[0]}
    with pytest.raises(Forbidden):
        await current_admin(await staff_of(store, cookies))
    disable_staff(store, "Aoife")
    with pytest.raises(Unauthorized):
        await staff_of(store, cookies)


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://desk.example.evil.example"},
    {"Origin": "http://desk.example:81"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://desk.example"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_changes_are_refused_to_pages_of_other_sites(headers: dict[str, str]) -> None:
    told = Headers({"Host": "desk.example"} | headers)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        with pytest.raises(Forbidden):
            refuse_other_sites(method, told)
    refuse_other_sites("GET", told)  # their pages cannot read what it answers


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://desk.example"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
def test_the_desks_own_page_and_programs_may_change_things(headers: dict[str, str]) -> None:
    refuse_other_sites("POST", Headers({"Host": "desk.example"} | headers))
