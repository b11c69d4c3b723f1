"""Who may knock at a route, and what a foreign id gets each of them: every route times every role, from the app itself.

A route's door is told from its path and its guards; an id that no stranger's world knows fails loudly, so that a new
route cannot be left out.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi.routing import APIRoute, iter_route_contexts

from assistant.store_desk import add_canned_answer
from assistant.store_staff import add_staff, disable_staff, log_in
from assistant.store_templates import Wording, add_template
from assistant.store_tickets import add_ticket
from assistant.tables_learning import RunRow
from assistant.tables_staff import Role as StaffRole
from tests.forgeries import PASSWORD, Forger
from tests.web import QUESTION, Site
from ui.staff_access import COOKIE, current_admin

BODIES: dict[str, Any] = {
    "messages": {"text": "hi"},
    "notes": {"text": "hi"},
    "typing": {"typing": True},
    "rating": {"value": 1},
    "satisfaction": {"score": 3},
    "attributes": {"attributes": {"plan": "gold"}},
    "contact": {"contact": "ann@example.org", "text": "hi"},
    "canned": {"title": "a", "text": "b"},
    "articles": {"question": "a", "text": "b"},
    "{message_id}": {"verdict": "dismissed"},
}
SHARED = {"/widget/demo.{kind}"}  # what stands in braces is the name of a public file


@dataclass(frozen=True)
class Door:
    """A route as strangers see it: which proof it asks for, `conversation`, `staff`, `admin`, `key` or `none`."""

    method: str
    path: str
    proof: str


@dataclass(frozen=True)
class Role:
    """Somebody with the proofs of their own world: `proofs` says of which doors."""

    name: str
    headers: dict[str, str]
    proofs: frozenset[str]


@dataclass(frozen=True)
class Answered:
    """What a role got at a door."""

    door: Door
    role: str
    status: int
    text: str


def doors(server: Site) -> list[Door]:
    """Every route of the application."""
    found = []
    for route in iter_route_contexts(server.app.routes):
        if route.path and route.methods:
            found += [Door(method, str(route.path), _proof(route)) for method in sorted(route.methods)]
    return sorted(found, key=lambda door: (door.path, door.method))


def _proof(route: Any) -> str:
    path = str(route.path)
    if path.startswith("/api/v1/staff/"):
        return "admin" if current_admin in _guards(route.original_route) else "staff"
    if re.match(r"/api/v1/(conversations|messages)/", path):
        return "conversation"
    return "key" if path.startswith("/v1/") or path == "/metrics" else "none"


def _guards(route: Any) -> set[Any]:
    """Everything that the route depends on, near and far."""
    waiting = [route.dependant] if isinstance(route, APIRoute) else []
    found = set()
    while waiting:
        dependant = waiting.pop()
        found.add(dependant.call)
        waiting += dependant.dependencies
    return found


@dataclass(frozen=True)
class World:
    """A conversation with all that hangs on it, that belongs to one visitor of one site; and everybody else."""

    server: Site
    ids: dict[str, str]
    unknown: dict[str, str]
    roles: Sequence[Role]

    def answers(self) -> Iterator[Answered]:
        """Every door with an id, every role, the foreign id."""
        for door in doors(self.server):
            names = re.findall(r"{(\w+)}", door.path)
            if not names or door.path in SHARED:
                continue
            for role in self.roles:
                ids = self.unknown if door.proof in role.proofs and "staff" in role.proofs else self.ids
                yield self._knock(door, role, {name: ids[name] for name in names})

    def closed(self) -> Iterator[Answered]:
        """Every door without an id that asks for a proof, and every role that has none for it."""
        for door in doors(self.server):
            if "{" not in door.path and door.proof != "none":
                for role in self.roles:
                    if door.proof not in role.proofs:
                        yield self._knock(door, role, {})

    def _knock(self, door: Door, role: Role, ids: dict[str, str]) -> Answered:
        body = BODIES.get(door.path.rsplit("/", 1)[-1], {}) if door.method == "POST" else None
        with httpx.Client(base_url=self.server.url, timeout=20) as client:
            answer = client.request(door.method, door.path.format(**ids), json=body or None, headers=role.headers)
        return Answered(door, role.name, answer.status_code, answer.text)


def world(server: Site) -> World:
    """Asks the running server, which has the sites of tests/forgeries.py, for everybody's own conversations."""
    forger, store = Forger(server, 1), server.store
    mine = forger.begin(visitor_token=forger.signed())
    reply = dict(mine.say(QUESTION))["completed"]["message_id"]
    template = add_template(store, Wording(["How long may I return?"], "Thirty days.", "en", None, "desk"))
    assert template is not None
    with store.writing() as session:
        run = RunRow(trigger="schedule", state="finished", decision="refused", result={})
        session.add(run)
        session.flush()
        run_id = run.id
    ids = {
        "conversation_id": mine.id,
        "message_id": reply,
        "number": "1",
        "canned_id": add_canned_answer(store, "Hello", "How can I help?", "Aoife").id,
        "ticket_id": add_ticket(store, mine.id, "mei@example.org", "Call me", "Mei").id,
        "template_id": template.id,
        "run_id": run_id,
        "adapter_id": "lora-1",
    }
    unknown = {name: "1" if name == "number" else str(uuid.uuid4()) for name in ids}
    return World(server, ids, unknown, [*_visitors(forger), *_staff(server)])


def _visitors(forger: Forger) -> list[Role]:
    """Everybody who is not staff; each has a conversation of their own, but for nobody."""
    own = frozenset({"conversation"})
    talks = {
        "anonymous visitor": forger.begin(),
        "another visitor of the site": forger.begin(visitor_token=forger.signed(sub="c-2")),
        "another site's visitor": forger.begin("other"),
    }
    return [Role("nobody", {}, frozenset()), *(Role(name, talk.headers, own) for name, talk in talks.items())]


def _staff(server: Site) -> list[Role]:
    def cookie(name: str, role: StaffRole) -> dict[str, str]:
        add_staff(server.store, name, PASSWORD, role)
        return {"Cookie": f"{COOKIE}={log_in(server.store, name, PASSWORD)[0]}"}

    roles = [
        Role("admin", cookie("Aoife", "admin"), frozenset({"staff", "admin"})),
        Role("agent", cookie("Ben", "agent"), frozenset({"staff"})),
        Role("disabled agent", cookie("Cid", "agent"), frozenset()),
    ]
    disable_staff(server.store, "Cid")
    return roles


def expected(door: Door, role: Role) -> int:
    """401 without any proof for this door, 403 for an agent at an admin's, 404 for a foreign id."""
    if door.proof in role.proofs:
        return 404
    return 403 if door.proof == "admin" and "staff" in role.proofs else 401
