"""Untrusted Markdown becomes a tree of allowed elements and safe links, whatever it tries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui.markup import ELEMENTS, MOST_CHARS, Node, safe_link, tree

ROOT = Path(__file__).parents[1]
PAYLOADS = Path(os.environ.get("ASSISTANT_DATA") or ROOT / "../shared/data") / "security" / "xss_payloads.txt"


def elements(nodes: list[Node]) -> Iterator[list[Node]]:
    for node in nodes:
        if isinstance(node, list):
            yield node
            yield from elements(node[1:])


def words(nodes: list[Node]) -> str:
    return "".join(node if isinstance(node, str) else words(node[1:]) for node in nodes if not isinstance(node, dict))


def links(nodes: list[Node]) -> list[str]:
    return [node[1]["href"] for node in elements(nodes) if node[0] == "a" and isinstance(node[1], dict)]


def test_emphasis_lists_tables_code_and_breaks_are_kept() -> None:
    assert tree("**a** *b* `c`\nd") == [["p", ["strong", "a"], " ", ["em", "b"], " ", ["code", "c"], ["br"], "d"]]
    assert tree("- a\n- b\n\n3. c") == [["ul", ["li", "a"], ["li", "b"]], ["ol", {"start": "3"}, ["li", "c"]]]
    assert tree("| a |\n|---|\n| 1 |") == [["table", ["thead", ["tr", ["th", "a"]]], ["tbody", ["tr", ["td", "1"]]]]]
    assert tree("# Title") == [["h", "Title"]]


def test_addresses_become_links_without_the_full_stop() -> None:
    assert links(tree("See https://shop.example/help. Or write to me@shop.example!")) == [
        "https://shop.example/help",
        "mailto:me@shop.example",
    ]
    assert links(tree("请看 https://shop.example/帮助，谢谢")) == ["https://shop.example/帮助"]
    assert words(tree("[https://a.example](https://b.example)")) == "https://a.example"


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "<a href='https://x.example' onclick=alert(1)>x</a>",
        "a<br>b <b>c</b>",
    ],
)
def test_html_stays_visible_text(text: str) -> None:
    nodes = tree(text)
    assert words(nodes) == text
    assert {node[0] for node in elements(nodes)} <= {"p", "a"}
    assert all(link.startswith("https://x.example") for link in links(nodes))


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//host.example/x",
        "/relative",
        "https://user:secret@host.example/",
        "https:///nohost",
        "\tjavascript:alert(1)",
        "https://host.example\\@evil.example",
    ],
)
def test_only_web_and_mail_addresses_become_links(target: str) -> None:
    assert safe_link(target) is None
    assert links(tree(f"[click]({target}) ![x]({target}) <{target}>")) == []


def test_images_are_never_loaded() -> None:
    nodes = tree("![a cat](https://tracker.example/cat.png)")
    assert "img" not in {node[0] for node in elements(nodes)}


def test_deep_nesting_and_long_texts_cost_little() -> None:
    assert sum(1 for _ in elements(tree(">" * 5000 + " x"))) < 30
    long = "x" * (MOST_CHARS + 1)
    assert tree(long) == [["p", long]]


@pytest.mark.skipif(not PAYLOADS.exists(), reason=f"no collection of payloads at {PAYLOADS}; set ASSISTANT_DATA")
def test_no_payload_of_a_public_collection_leaves_the_allowed_elements() -> None:
    payloads = PAYLOADS.read_text("utf-8").splitlines()
    assert len(payloads) > 3000
    for payload in payloads:
        for text in (payload, f"[x]({payload})"):
            nodes = tree(text)
            assert {node[0] for node in elements(nodes)} <= ELEMENTS, text
            assert all(safe_link(link) == link for link in links(nodes)), text
