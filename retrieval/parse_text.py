"""Plain text and Markdown.

Knows nothing of other formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from retrieval.dates import day_of
from retrieval.decoding import read_text
from retrieval.parse_html import html_text
from retrieval.parsing import (
    LONGEST_NAME,
    Alive,
    Parsed,
    ParseLimits,
    SectionBuilder,
    check_characters,
    shortened,
    table_text,
    title_from,
)

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_UNDERLINED = re.compile(r"^(\S[^\n]{0,100})\n(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)
_MOST_TAGS = 50
_LIST_LINE = re.compile(r"\s*(?:[-*•·>|]|\d{1,3}[.)]|[A-Za-z][.)])\s")


def parse_txt(path: Path, limits: ParseLimits, alive: Alive) -> Parsed:
    """Plain text; underlined lines are headings, hard-wrapped lines are joined."""
    text = read_text(path)
    check_characters(len(text), limits)
    builder = SectionBuilder(limits)
    at = 0
    for found in _UNDERLINED.finditer(text):
        builder.block(_unwrapped(text[at : found.start()]))
        builder.heading(1 if "=" in found.group().splitlines()[-1] else 2, found.group(1))
        at = found.end()
    builder.block(_unwrapped(text[at:]))
    title = title_from(path)
    return Parsed(title, builder.sections(title))


def parse_md(path: Path, limits: ParseLimits, alive: Alive) -> Parsed:
    """Markdown: headings, lists, tables; YAML front matter may set title, url, entity, language, tags, date."""
    text = read_text(path)
    check_characters(len(text), limits)
    meta, body = _front_matter(text)
    builder = SectionBuilder(limits)
    first_heading = add_markdown(body, builder)
    title = _string(meta, "title") or first_heading or title_from(path)
    return Parsed(
        shortened(title),
        builder.sections(title),
        url=_string(meta, "url"),
        entity=_string(meta, "entity"),
        language=_string(meta, "language") or _string(meta, "lang"),
        tags=_tags(meta),
        date=day_of(meta),
    )


def add_markdown(text: str, builder: SectionBuilder) -> str | None:
    """Add all blocks; gives the first heading of level 1 or 2, which may serve as title."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # addresses are dropped, whatever they are
    tokens = parser.parse(text)
    first: str | None = None
    at = 0
    while at < len(tokens):
        end = _block_end(tokens, at)
        token, inner = tokens[at], tokens[at + 1 : end]
        if token.type == "heading_open":
            heading = _inline(inner[0])
            builder.heading(int(token.tag[1]), heading)
            if token.tag in ("h1", "h2") and len(heading) <= LONGEST_NAME:
                first = first or heading
        elif token.type == "table_open":
            builder.block(_table(inner))
        else:
            builder.block("\n".join(_lines(tokens[at : end + 1])))
        at = end + 1
    return first


def _block_end(tokens: Sequence[Token], at: int) -> int:
    depth = 0
    for end in range(at, len(tokens)):
        depth += tokens[end].nesting
        if depth == 0:
            return end
    return len(tokens) - 1


def _lines(tokens: Sequence[Token]) -> Iterator[str]:
    """The lines of a paragraph, list, quote or code block; list items keep their mark and depth."""
    marks: list[str] = []
    pending = ""
    for token in tokens:
        if token.type == "bullet_list_open":
            marks.append("-")
        elif token.type == "ordered_list_open":
            marks.append(str(token.attrs.get("start", 1)))
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            marks.pop()
        elif token.type == "list_item_open":
            pending = "  " * (len(marks) - 1) + (marks[-1] if marks[-1] == "-" else f"{marks[-1]}.") + " "
            marks[-1] = marks[-1] if marks[-1] == "-" else str(int(marks[-1]) + 1)
        else:
            for line in _content(token).splitlines():
                yield pending + line
                pending = " " * len(pending)
            if token.type in ("paragraph_close", "fence", "code_block") and not marks:
                yield ""


def _content(token: Token) -> str:
    if token.type == "inline":
        return _inline(token)
    if token.type in ("fence", "code_block"):
        return token.content
    if token.type == "html_block":
        return html_text(token.content)
    return ""


def _inline(token: Token) -> str:
    parts: list[str] = []
    for child in token.children or ():
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type == "softbreak":
            parts.append(" ")
        elif child.type == "hardbreak" or (child.type == "html_inline" and child.content.startswith("<br")):
            parts.append("\n")
        elif child.type == "image":
            parts.append(child.content)
    return "".join(parts).strip()


def _table(tokens: Sequence[Token]) -> str:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_inline(token))
    return table_text(rows, header=any(rows[0]) if rows else False)


def _front_matter(text: str) -> tuple[Mapping[str, Any], str]:
    found = _FRONT_MATTER.match(text)
    if found is None:
        return {}, text
    try:
        meta = yaml.safe_load(found.group(1))
    except (yaml.YAMLError, ValueError):
        return {}, text
    return (meta, text[found.end() :]) if isinstance(meta, dict) else ({}, text)


def _string(meta: Mapping[str, Any], key: str) -> str | None:
    """A scalar of the front matter; lists and mappings, which may nest without bound, are none."""
    value = meta.get(key)
    return shortened(str(value)) or None if isinstance(value, (str, int, float)) else None


def _tags(meta: Mapping[str, Any]) -> tuple[str, ...]:
    tags = meta.get("tags")
    listed = tags[:_MOST_TAGS] if isinstance(tags, list) else [tags]
    return tuple(shortened(str(tag)) for tag in listed if isinstance(tag, (str, int, float)))


def _unwrapped(text: str) -> str:
    """Join lines that were wrapped at a width: long, and followed by a line that is no list item."""
    lines: list[str] = []
    for line in text.splitlines():
        line = line.rstrip()
        before = lines[-1] if lines else ""
        width = len(before.rsplit("\n", 1)[-1])
        if line and 55 <= width <= 100 and before[-1] not in ".:!?。：" and not _LIST_LINE.match(line + " "):
            lines[-1] = f"{before}\n{line.strip()}"
        else:
            lines.append(line)
    return "\n".join(line.replace("\n", " ") for line in lines)
