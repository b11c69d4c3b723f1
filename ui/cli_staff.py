"""The commands of `assistant staff`: who may log in at the desk. Passwords come from a prompt or stdin, never argv.

Knows how it looks in the terminal; the work is done in assistant/store_staff.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from ui.batch import print_json
from ui.cli_answers import AsJson, out

if TYPE_CHECKING:
    from assistant.store import Store

staff = typer.Typer(
    help="Who may log in at the desk: add, list, disable, enable, role, password.", no_args_is_help=True
)

Role = Literal["agent", "admin"]
RoleOption = Annotated[Role, typer.Option("--role", help="Admins also promote and roll back adapters.")]


@staff.command("add")
def add(context: typer.Context, name: str, role: RoleOption = "agent") -> None:
    """Let somebody in. Asks for a password, or reads it from the first line of stdin."""
    from assistant.store_staff import add_staff

    with _store(context) as store:
        made = add_staff(store, name, _password(), role)
    out.print(f"{made.name} may log in at /desk as {made.role}", markup=False)


@staff.command("list")
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Everybody who may, or once could, log in."""
    from assistant.store_staff import list_staff

    with _store(context) as store:
        found = list_staff(store)
    if as_json:
        print_json({"staff": [{"name": s.name, "role": s.role, "disabled": s.disabled} for s in found]})
        return
    table = Table("name", "role", "disabled")
    for member in found:
        table.add_row(member.name, member.role, "yes" if member.disabled else "")
    out.print(table)


@staff.command("disable")
def disable(context: typer.Context, name: str) -> None:
    """Lock somebody out at once; what they held waits for somebody else."""
    from assistant.store_staff import disable_staff

    with _store(context) as store:
        disable_staff(store, name)
    out.print(f"{name} is logged out and cannot log in", markup=False)


@staff.command("enable")
def enable(context: typer.Context, name: str) -> None:
    """Let a disabled person in again."""
    from assistant.store_staff import disable_staff

    with _store(context) as store:
        disable_staff(store, name, disabled=False)
    out.print(f"{name} may log in again", markup=False)


@staff.command("role")
def role(context: typer.Context, name: str, role: Annotated[Role, typer.Argument()]) -> None:
    """Make somebody an agent or an admin; they have to log in again."""
    from assistant.store_staff import set_role

    with _store(context) as store:
        set_role(store, name, role)
    out.print(f"{name} is {role} now", markup=False)


@staff.command("password")
def password(context: typer.Context, name: str) -> None:
    """A new password; whoever is logged in with the old one is logged out."""
    from assistant.store_staff import set_password

    with _store(context) as store:
        set_password(store, name, _password())
    out.print(f"{name} has a new password", markup=False)


@contextmanager
def _store(context: typer.Context) -> Iterator[Store]:
    from assistant.store import Store

    store = Store(context.obj.sqlalchemy_url)
    try:
        yield store
    finally:
        store.close()


def _password() -> str:
    """From a prompt at a terminal, otherwise the first line of stdin."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")
