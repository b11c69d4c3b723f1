"""Who gets in that should not? Forged tokens by the thousand, every route for every role, eight origins in Chromium.

    python -m benchmarks.identity_attacks [--count 40]

The whole application on a real socket. Prints JSON: for each kind of token how many were tried and accepted, the
answers to a foreign id by status, and for each origin whether the widget worked by script and by iframe. Anybody who
gets in, or is wrongly kept out, makes exit 1.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.browsing import chromium
from tests.chatting import chat_site
from tests.forgeries import add_sites, try_all
from tests.origins import try_origins
from tests.strangers import expected, world
from tests.test_explanation_api import Published
from tests.web import EndlessEngine, site

PLENTY: dict[str, Any] = {
    "requests_per_minute": 10**6,
    "conversations_per_minute": 10**6,
    "site_conversations_per_minute": 10**6,
    "api_keys": ["a-long-random-key"],
}


def tokens(home: Path, count: int) -> dict[str, Any]:
    """Forgeries by kind."""
    with site(home, **PLENTY) as server:
        add_sites(server)
        found = try_all(server, count)
    return {
        "tried": sum(outcome.tried for outcome in found.values()),
        "accepted": sum(outcome.accepted for outcome in found.values()),
        "kinds": {kind: f"{outcome.accepted} of {outcome.tried}" for kind, outcome in found.items()},
    }


def routes(home: Path) -> dict[str, Any]:
    """Every route and role with a foreign id, and without a proof."""
    with site(home, **PLENTY) as server:
        server.app.state.services.assistant.retriever.index = Published()
        add_sites(server)
        everybody = world(server)
        roles = {role.name: role for role in everybody.roles}
        found = [*everybody.answers(), *everybody.closed()]
    wrong = [answer for answer in found if answer.status != expected(answer.door, roles[answer.role])]
    return {
        "routes": len({(answer.door.method, answer.door.path) for answer in found}),
        "roles": sorted(roles),
        "answers": len(found),
        "by_status": dict(Counter(answer.status for answer in found)),
        "wrong": [f"{answer.door.method} {answer.door.path} {answer.role}: {answer.status}" for answer in wrong],
    }


def origins(home: Path) -> dict[str, Any]:
    """By mode, how many of the eight were treated rightly."""
    with chat_site(home, EndlessEngine("Thirty days.")) as (url, store), chromium() as browser:
        found = try_origins(browser, url, store)
    right, all_tried = Counter(t.mode for t in found if t.allowed == t.worked), Counter(t.mode for t in found)
    return {
        "right": {mode: f"{right[mode]} of {number}" for mode, number in all_tried.items()},
        "wrong": [f"{tried.mode} {tried.origin}" for tried in found if tried.allowed != tried.worked],
    }


def main() -> None:
    """Print the figures; exit 1 if anybody was treated wrongly."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=40, help="forgeries of each kind")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        result = {
            "tokens": tokens(home / "tokens", given.count),
            "routes": routes(home / "routes"),
            "origins": origins(home / "origins"),
        }
    print(json.dumps(result, indent=2))
    raise SystemExit(bool(result["tokens"]["accepted"] or result["routes"]["wrong"] or result["origins"]["wrong"]))


if __name__ == "__main__":
    main()
