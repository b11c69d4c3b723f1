"""HTML: the visible main content with its headings, lists and tables.

Scripts, styles, navigation and hidden elements are left out. Knows nothing of other formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree
from lxml.html import HTMLParser, document_fromstring

from retrieval.dates import day
from retrieval.decoding import read_text
from retrieval.parsing import (
    Alive,
    Parsed,
    ParseLimits,
    SectionBuilder,
    Unreadable,
    shortened,
    table_text,
    title_from,
)

_DROPPED = frozenset(
    "script style noscript template nav footer form button select option textarea svg math iframe object canvas audio "
    "video dialog head datalist".split()
)
_DROPPED_OUTSIDE_MAIN = frozenset({"header", "aside"})
_DROPPED_ROLES = frozenset(
    {"navigation", "search", "banner", "contentinfo", "dialog", "alertdialog", "menu", "menubar"}
)
_HEADINGS = {f"h{n}": n for n in range(1, 7)} | {"summary": 7, "dt": 7}
_LIST_INDENT = re.compile(r" *(?=- |\d+\. )")
_BLOCKS = frozenset(
    "p div section article main ul ol dl dd blockquote figure figcaption address details fieldset hr center "
    "header aside body".split()
)
_LONGEST_ADDRESS = 2000
_DAYS = ("article:modified_time", "og:updated_time", "last-modified", "date.modified", "article:published_time", "date")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_:-]{2,40})""", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def parse_html(path: Path, limits: ParseLimits, alive: Alive) -> Parsed:
    """An HTML page; only its <main> or single <article> where there is one."""
    root = _tree(read_text(path, _declared_encoding(path)))
    alive()
    if root is None:
        raise Unreadable("holds no text")
    builder = SectionBuilder(limits)
    _add(_main(root), builder)
    headings = root.findall(".//h1")
    named = _text(headings[0]) if len(headings) == 1 else ""  # <title> often carries the site's name too
    title = named or _text(root.find(".//title")) or title_from(path)
    sections = builder.sections(title)
    language = (root.get("lang") or "").split("-")[0].lower() or None
    return Parsed(shortened(title), sections, url=_canonical(root), language=language, date=_day(root))


def html_text(fragment: str) -> str:
    """The visible text of a piece of HTML, one block a line; empty if there is none."""
    root = _tree(fragment)
    if root is None:
        return ""
    builder = SectionBuilder(ParseLimits())
    _add(root, builder)
    parts = [part for s in builder.sections("") for part in (*s.heading_path[-1:], s.text)]
    return "\n".join(parts)


def _declared_encoding(path: Path) -> str | None:
    with path.open("rb") as stream:
        found = _CHARSET.search(stream.read(4096))
    return found.group(1).decode("ascii") if found else None


def _tree(text: str) -> Any:
    parser = HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, no_network=True)
    try:
        return document_fromstring(text.encode(), parser=parser) if text.strip() else None
    except etree.ParserError:
        return None


def _main(root: Any) -> Any:
    for query in (".//main", ".//*[@role='main']", ".//article"):
        found = root.findall(query)
        if len(found) == 1 and _text(found[0]):
            return found[0]
    return root


def _add(root: Any, builder: SectionBuilder) -> None:
    """Walk the tree without recursion, so that deep nesting is no danger."""
    flow = _Flow(builder)
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "end":  # sent for skipped elements too
            flow.leave(tag)
            flow.add(element.tail if element is not root else None)
        elif _dropped(element, tag, root):
            walk.skip_subtree()
        elif tag in _HEADINGS:
            flow.flush()
            builder.heading(_HEADINGS[tag], _text(element))
            walk.skip_subtree()
        elif tag in ("table", "pre"):
            flow.flush()
            builder.block(_table(element) if tag == "table" else "".join(element.itertext()))
            walk.skip_subtree()
        else:
            flow.enter(tag)
            flow.add(element.text)
    flow.flush()


class _Flow:
    """The running text between two headings: gathers words, marks list items, ends blocks at their borders."""

    def __init__(self, builder: SectionBuilder) -> None:
        self._builder = builder
        self._words: list[str] = []
        self._lists: list[int | None] = []  # the next number of each open list, None for bullets
        self._mark = ""  # of a list item that has no words yet

    def add(self, text: str | None) -> None:
        """Add text as written between tags."""
        if not text:
            return
        if text.strip() and self._mark:
            self._words.append("\n" + self._mark)
            self._mark = ""
        self._words.append(" ".join(re.split(r"\s+", text)))

    def enter(self, tag: str) -> None:
        """An element begins."""
        if tag in ("ul", "ol"):
            if not self._lists:
                self.flush()
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            number = self._lists[-1] if self._lists else None
            if number is not None:
                self._lists[-1] = number + 1
            self._mark = "  " * (len(self._lists) - 1) + ("- " if number is None else f"{number}. ")
        elif tag == "br":
            self._words.append("\n")
        elif tag in _BLOCKS:
            self._border()

    def leave(self, tag: str) -> None:
        """An element ends."""
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag in _BLOCKS:
            self._border()

    def flush(self) -> None:
        """End the block."""
        lines = []
        for line in "".join(self._words).split("\n"):
            indent = _LIST_INDENT.match(line)
            lines.append((indent.group() if indent else "") + " ".join(line.split()))
        self._builder.block("\n".join(line for line in lines if line))
        self._words.clear()

    def _border(self) -> None:
        """A border ends a paragraph, but within a list item only a line."""
        if self._lists:
            self._words.append("\n")
        else:
            self.flush()


def _dropped(element: Any, tag: str, root: Any) -> bool:
    if not tag or tag in _DROPPED or element.get("role") in _DROPPED_ROLES:
        return True
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    if _HIDDEN_STYLE.search(element.get("style") or ""):
        return True
    if tag in _DROPPED_OUTSIDE_MAIN and root.tag not in ("main", "article"):
        return element.find(".//h1") is None
    return False


def _table(table: Any) -> str:
    rows = [[_text(cell) for cell in row if cell.tag in ("td", "th")] for row in table.iter("tr")]
    first = next(table.iter("tr"), None)
    header = first is not None and all(cell.tag == "th" for cell in first if isinstance(cell.tag, str))
    return table_text(rows, header)


def _text(element: Any) -> str:
    return "" if element is None else " ".join("".join(_visible(element)).split())


def _visible(element: Any) -> Iterator[str]:
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, node in walk:
        if event == "start" and (node.tag in ("script", "style", "template") or node.get("hidden") is not None):
            walk.skip_subtree()
        elif event == "start":
            yield " " if node.tag == "br" else ""
            yield node.text or ""
        elif node is not element:
            yield node.tail or ""


def _day(root: Any) -> str | None:
    """When the page says that it was changed, or published."""
    metas = root.iterfind(".//meta")
    said = {(meta.get("property") or meta.get("name") or "").lower(): meta.get("content") for meta in metas}
    return next((found for key in _DAYS if (found := day(said.get(key)))), None)


def _canonical(root: Any) -> str | None:
    for link in root.iterfind(".//link[@rel='canonical']"):
        href: str = link.get("href") or ""
        if href.startswith(("https://", "http://")) and len(href) <= _LONGEST_ADDRESS:
            return href
    return None
