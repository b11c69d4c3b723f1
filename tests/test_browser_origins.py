"""Eight origins in a real Chromium, by script and by iframe: the site's own pages may carry the widget, no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.chatting import chat_site
from tests.origins import MODES, try_origins
from tests.web import EndlessEngine

pytestmark = pytest.mark.browser


def test_eight_of_eight_origins_are_told_apart_by_script_and_by_iframe(browser: Browser, tmp_path: Path) -> None:
    with chat_site(tmp_path, EndlessEngine("Thirty days.")) as (url, store):
        found = try_origins(browser, url, store)
        kept = len(store.find_conversations())
    for tried in found:
        print(f"{tried.mode:16} {tried.origin:45} {'may' if tried.allowed else 'may not'}, {tried.worked}")
    assert [tried for tried in found if tried.allowed != tried.worked] == []
    for mode in MODES:
        own = [tried for tried in found if tried.mode == mode]
        assert len({tried.origin for tried in own}) == 8 and sum(tried.allowed for tried in own) == 2
        assert "null" in {tried.origin for tried in own}
    assert kept == 2  # one for each page that may, by script; the frames were only opened
