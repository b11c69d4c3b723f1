"""Untrusted Markdown into a small tree of allowed elements, which the page builds node by node.

No HTML text is made anywhere, so none can be injected; knows nothing of who wrote the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

Node: TypeAlias = "str | list[Node] | dict[str, str]"

MOST_CHARS = 20_000  # longer texts are shown as they are, without a parser's work
# What the page may build; ui/static/chat_text.js has the same list.
ELEMENTS = frozenset("p br strong em code pre ul ol li blockquote h table thead tbody tr th td a hr".split())
_HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())
_STOP = r"\s<>\"'`，。；：！？、（）"
_AUTO_LINK = re.compile(rf"https?://[^{_STOP}]*[^{_STOP}.,;:!?)\]]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)

_parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 12})
_parser.enable("table").disable(["image", "code", "html_block", "html_inline", "reference"])
_parser.validateLink = lambda url: safe_link(url) is not None  # type: ignore[method-assign]


def safe_link(url: str) -> str | None:
    """The address if it is http(s) with a host and no user name, or mailto; None for anything else."""
    if any(ord(c) <= 32 or ord(c) == 127 for c in url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        host, user = parts.hostname, parts.username
    except ValueError:
        return None
    if parts.scheme in ("http", "https"):
        return url if host and user is None else None
    return url if parts.scheme == "mailto" and "@" in parts.path else None


def tree(text: str) -> list[Node]:
    """Nodes are strings (text) or lists: an element's name, its attributes for links, its children."""
    if len(text) > MOST_CHARS:
        return [["p", text]]
    return _nest(_parser.parse(text))


def _nest(tokens: Sequence[Token]) -> list[Node]:
    """Flat opening and closing tokens into nested lists."""
    top: list[Node] = []
    open_lists = [top]
    for token in tokens:
        if token.hidden:  # paragraphs of tight lists
            open_lists.append(open_lists[-1]) if token.nesting == 1 else open_lists.pop()
        elif token.nesting == 1:
            element = _element(token)
            open_lists[-1].append(element)
            open_lists.append(element)
        elif token.nesting == -1:
            open_lists.pop()
        else:
            open_lists[-1].extend(_leaf(token, inside_link=any(part[:1] == ["a"] for part in open_lists)))
    return top


def _element(token: Token) -> list[Node]:
    if token.tag == "a":
        return ["a", {"href": str(token.attrs["href"])}]
    if token.tag in _HEADINGS:
        return ["h"]
    if token.tag == "ol" and "start" in token.attrs:
        return ["ol", {"start": str(token.attrs["start"])}]
    return [token.tag]


def _leaf(token: Token, inside_link: bool) -> list[Node]:
    match token.type:
        case "inline":
            return _nest(token.children or [])
        case "softbreak" | "hardbreak":
            return [["br"]]
        case "code_inline":
            return [["code", token.content]]
        case "fence":
            return [["pre", token.content]]
        case "hr":
            return [["hr"]]
    return [token.content] if inside_link else _with_links(token.content)


def _with_links(text: str) -> list[Node]:
    """Bare web and mail addresses become links."""
    nodes: list[Node] = []
    at = 0
    for match in _AUTO_LINK.finditer(text):
        address = match[0] if match[0].startswith("http") else f"mailto:{match[0]}"
        if safe_link(address) is None:
            continue
        nodes += [text[at : match.start()], ["a", {"href": address}, match[0]]]
        at = match.end()
    nodes.append(text[at:])
    return [node for node in nodes if node != ""]
