"""A shop with an admin and an agent, and their way into the staff API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from assistant.store_staff import add_staff, log_in
from tests.web import Site, site
from ui.staff_access import COOKIE

PASSWORD = "lamps and leaves"


@contextmanager
def staffed(home: Path, **options: Any) -> Iterator[Site]:
    """A server, as `site` makes it, for which Aoife is admin and Ben agent."""
    with site(home, **options) as running:
        add_staff(running.store, "Aoife", PASSWORD, "admin")
        add_staff(running.store, "Ben", PASSWORD)
        yield running


@contextmanager
def staff_client(shop: Site, name: str) -> Iterator[httpx.Client]:
    """Logged in, below /api/v1/staff."""
    token, _ = log_in(shop.store, name, PASSWORD)
    with httpx.Client(
        base_url=f"{shop.url}/api/v1/staff", timeout=20, headers={"Cookie": f"{COOKIE}={token}"}
    ) as client:
        yield client
