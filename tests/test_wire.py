"""What leaves the server is safe to show: only links that a page may open."""

from __future__ import annotations

import pytest

from assistant.conversation import Citation
from ui.wire import citation_out


@pytest.mark.parametrize(
    "url", ["https://shop.example/a?b#c", "http://x", "mailto:help@shop.example", "HTTPS://shop.example"]
)
def test_ordinary_links_stay(url: str) -> None:
    assert citation_out(Citation("d", "d#0", "quote", url=url))["url"] == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/x",
        "/relative",
        "http:",
        "https:///x",
        "mailto:",
        "http://[broken",
    ],
)
def test_any_other_link_is_left_out(url: str | None) -> None:
    assert citation_out(Citation("d", "d#0", "quote", url=url))["url"] is None
