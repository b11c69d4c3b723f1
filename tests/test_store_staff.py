"""Staff and their logins: sessions end with every change of rights, and nothing tells which names exist."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from assistant import store_staff
from assistant.errors import Conflict, InvalidInput, NotFound, Unauthorized
from assistant.store import Store
from assistant.store_staff import (
    add_staff,
    disable_staff,
    list_staff,
    log_in,
    log_out,
    logged_in,
    set_password,
    set_role,
)
from assistant.tables import now
from assistant.tables_staff import StaffSessionRow

PASSWORD = "lamps and leaves"


def test_a_login_shows_who_it_is_until_logged_out(store: Store) -> None:
    add_staff(store, " Aoife ", PASSWORD, "admin")
    token, staff = log_in(store, "Aoife", PASSWORD)
    assert (staff.name, staff.role) == ("Aoife", "admin")
    assert logged_in(store, token) == staff
    with store.reading() as session:
        assert token not in session.scalars(select(StaffSessionRow.token_hash)).all()
    log_out(store, token)
    with pytest.raises(Unauthorized):
        logged_in(store, token)


@pytest.mark.parametrize(("name", "password"), [("Aoife", "wrong password"), ("Nobody", PASSWORD), ("a\0b", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_look_the_same(store: Store, name: str, password: str) -> None:
    add_staff(store, "Aoife", PASSWORD)
    with pytest.raises(Unauthorized, match="the name or the password is wrong"):
        log_in(store, name, password)


def test_disabling_a_role_and_a_password_end_sessions_at_once(store: Store) -> None:
    add_staff(store, "Aoife", PASSWORD)
    for change in (
        lambda: disable_staff(store, "Aoife"),
        lambda: set_role(store, "Aoife", "admin"),
        lambda: set_password(store, "Aoife", "another long one"),
    ):
        disable_staff(store, "Aoife", disabled=False)
        set_password(store, "Aoife", PASSWORD)
        token, _ = log_in(store, "Aoife", PASSWORD)
        change()
        with pytest.raises(Unauthorized):
            logged_in(store, token)
    disable_staff(store, "Aoife")
    with pytest.raises(Unauthorized):
        log_in(store, "Aoife", "another long one")


def test_a_session_expires_and_the_oldest_of_too_many_ends(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_staff, "MOST_SESSIONS", 2)
    add_staff(store, "Aoife", PASSWORD)
    first, second, third = (log_in(store, "Aoife", PASSWORD)[0] for _ in range(3))
    with pytest.raises(Unauthorized):
        logged_in(store, first)
    assert logged_in(store, second).name == logged_in(store, third).name == "Aoife"
    with store.writing() as session:
        session.execute(update(StaffSessionRow).values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(Unauthorized):
        logged_in(store, third)


def test_what_a_disabled_person_held_waits_again(store: Store, chat: str) -> None:
    add_staff(store, "Aoife", PASSWORD)
    store.take_over(chat, "Aoife")
    disable_staff(store, "Aoife")
    assert store.conversation(chat).state == "waiting"
    assert store.take_over(chat, "Ben").state == "person"


def test_names_are_unique_and_plain(store: Store) -> None:
    add_staff(store, "Aoife", PASSWORD)
    with pytest.raises(Conflict, match="Aoife"):
        add_staff(store, "Aoife", PASSWORD)
    for bad in ("", "a\nb", "x" * 61):
        with pytest.raises(InvalidInput):
            add_staff(store, bad, PASSWORD)
    with pytest.raises(NotFound, match="assistant staff list"):
        disable_staff(store, "Nobody")
    assert [staff.name for staff in list_staff(store)] == ["Aoife"]
