"""The `sites` commands: which pages may carry the widget, and the secrets their backends sign visitors with.

Knows how sites look in the terminal and as JSON; they are kept by assistant/store_sites.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from ui.batch import print_json
from ui.cli_answers import AsJson, out, say

if TYPE_CHECKING:
    from assistant.store import Store
    from assistant.store_sites import Site

sites = typer.Typer(help="Sites that may carry the chat widget.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The site's key.")]


@sites.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name for people, such as the shop's.")],
    origin: Annotated[
        list[str] | None, typer.Option("--origin", help="A page origin that may load the widget; repeat for more.")
    ] = None,
    frame_origin: Annotated[
        list[str] | None,
        typer.Option("--frame-origin", help="A page origin that may frame the iframe variant; none: nobody may."),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Choose the public key yourself.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a site and print its key, its secret and the line to paste into its pages."""
    from assistant.store_sites import add_site

    with _store(context) as store:
        site = add_site(store, name, origin or [], frame_origin or [], key)
    if as_json:
        print_json(_json(site) | {"secret": site.secrets[0].value})
        return
    out.print(f"Added {site.name}: {', '.join(site.origins) or 'no origin yet, so no page may use it'}", markup=False)
    _print_secret(site)
    say.print("Paste into its pages, with your server's address:")
    out.print(f'<script src="https://HOST/widget.js" data-site-key="{site.key}" async></script>', markup=False)


@sites.command("list")
def listing(context: typer.Context, as_json: AsJson = False) -> None:
    """All sites, without their secrets."""
    from assistant.store_sites import sites as all_sites

    with _store(context) as store:
        found = all_sites(store)
    if as_json:
        print_json({"sites": [_json(site) for site in found]})
        return
    table = Table(Column("key", no_wrap=True), "name", "origins", "may frame it", "secrets")
    for site in found:
        secrets = (s.id + (f" until {s.until:%Y-%m-%d %H:%M} UTC" if s.until else "") for s in site.secrets)
        table.add_row(site.key, site.name, "\n".join(site.origins), "\n".join(site.frame_origins), "\n".join(secrets))
    out.print(table)


@sites.command("remove")
def remove(context: typer.Context, key: Key, as_json: AsJson = False) -> None:
    """Remove a site: its pages can no longer talk to the server; its conversations stay."""
    from assistant.store_sites import remove_site

    with _store(context) as store:
        site = remove_site(store, key)
    if as_json:
        print_json({"removed": site.key})
    else:
        out.print(f"Removed {site.name} ({site.key}); its conversations stay in the database", markup=False)


@sites.command("rotate")
def rotate(
    context: typer.Context,
    key: Key,
    grace_hours: Annotated[
        float, typer.Option("--grace-hours", min=0, max=720, help="How long the old secret is still good.")
    ] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Give a site a new secret."""
    from assistant.store_sites import rotate_secret

    with _store(context) as store:
        site = rotate_secret(store, key, timedelta(hours=grace_hours))
    if as_json:
        print_json(_json(site) | {"secret": site.secrets[0].value})
        return
    out.print(f"New secret for {site.name}; the old one is good for {grace_hours:g} more hours", markup=False)
    _print_secret(site)


def _print_secret(site: Site) -> None:
    out.print(f"  site key      {site.key}", markup=False)
    out.print(f"  secret id     {site.secrets[0].id}   (the kid of visitor tokens)", markup=False)
    out.print(f"  secret        {site.secrets[0].value}   (for the site's backend only; shown once)", markup=False)


def _json(site: Site) -> dict[str, Any]:
    secrets = [{"id": s.id, "until": s.until.isoformat() if s.until else None} for s in site.secrets]
    return {
        "key": site.key,
        "name": site.name,
        "origins": list(site.origins),
        "frame_origins": list(site.frame_origins),
        "secrets": secrets,
        "secret_id": site.secrets[0].id,
        "created_at": site.created_at.isoformat(),
    }


@contextmanager
def _store(context: typer.Context) -> Iterator[Store]:
    from assistant.store import Store

    store = Store(context.obj.sqlalchemy_url)
    try:
        yield store
    finally:
        store.close()
