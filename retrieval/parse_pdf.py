"""PDF: the text of each page, with headings from the bookmarks and without running heads.

Knows nothing of other formats. Scans without a text layer and encrypted files are refused with a reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError, PyPdfError

from retrieval.documents import Section
from retrieval.parsing import Alive, Parsed, ParseLimits, Unreadable, check_characters, clean, shortened, title_from

_Bookmark = tuple[int, tuple[str, ...]]  # page number from 1, heading path

_LIST_LINE = re.compile(r"\s*(?:[-*•·▪‣–]|\d{1,3}[.)]|[A-Za-z][.)])\s")
_MOST_BOOKMARKS = 20_000
_DEEPEST = 8  # levels of bookmarks that are kept
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}


def parse_pdf(path: Path, limits: ParseLimits, alive: Alive) -> Parsed:
    """One section for each page and, where bookmarks name headings found on it, each heading."""
    reader = _open(path)
    count = len(reader.pages)
    if count > limits.pages:
        raise Unreadable(f"has {count:,} pages, more than {limits.pages:,}: split it")
    pages: list[str] = []
    problems: list[str] = []
    for number in range(count):
        try:
            pages.append(clean(reader.pages[number].extract_text()).translate(_LIGATURES))
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # pypdf raises anything on malformed content streams
            pages.append("")
            problems.append(f"page {number + 1} cannot be read: {type(error).__name__}: {error}")
        check_characters(sum(map(len, pages)), limits)
        alive()
    if not any(page.strip() for page in pages):
        scan = "it holds only pictures or drawings; if it is a scan, run text recognition on it (for example ocrmypdf)"
        raise Unreadable("; ".join(problems[:3]) or f"has no text on its {count} page(s): {scan}")
    title = shortened(_title(reader)) or title_from(path)
    sections = _sections(_without_running_heads(pages), _bookmarks(reader, title))
    return Parsed(title, tuple(sections), problems=tuple(problems))


def _open(path: Path) -> PdfReader:
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            raise Unreadable("is encrypted with a password: save a copy without one")
        len(reader.pages)
    except DependencyError as error:
        raise Unreadable(f"is encrypted in a way that cannot be read here ({error})") from error
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise Unreadable(f"is not a PDF that can be read: {error or type(error).__name__}") from error
    return reader


def _title(reader: PdfReader) -> str:
    try:
        title = reader.metadata.title if reader.metadata else None
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    title = " ".join(clean(title or "").split())
    looks_like_a_file = re.search(r"\.\w{2,4}$|^untitled|^microsoft word", title, re.IGNORECASE)
    return "" if looks_like_a_file else title


def _bookmarks(reader: PdfReader, title: str) -> list[_Bookmark]:
    """Bookmarks in page order with the path of headings above each; empty if there are none or they are broken."""
    found: list[_Bookmark] = []

    def walk(items: Sequence[Any], above: tuple[str, ...]) -> None:
        path = above
        for item in items[:_MOST_BOOKMARKS]:
            if isinstance(item, list):
                walk(item, path)
            else:
                name = shortened(clean(str(item.title)))
                path = above if name in ("", title) else (*above, name)[-_DEEPEST:]
                page = reader.get_destination_page_number(item)
                if page is not None and page >= 0 and path:
                    found.append((page + 1, path))

    try:
        walk(reader.outline, ())
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []
    return sorted(found, key=lambda bookmark: bookmark[0])


def _sections(pages: Sequence[str], bookmarks: Sequence[_Bookmark]) -> list[Section]:
    """Cut each page at the headings its bookmarks name, and carry the last one over to the pages that follow."""
    sections: list[Section] = []
    path: tuple[str, ...] = ()
    waiting = list(bookmarks)
    for number, page in enumerate(pages, start=1):
        at = 0
        while waiting and waiting[0][0] <= number:
            _, next_path = waiting.pop(0)
            heading = re.compile(r"\s+".join(map(re.escape, next_path[-1].split())))
            found = heading.search(page, at)
            if found is not None:
                sections.append(Section(_paragraphs(page[at : found.start()]), path, number))
                at = found.end()
            path = next_path
        sections.append(Section(_paragraphs(page[at:]), path, number))
    return [section for section in sections if section.text]


def _paragraphs(text: str) -> str:
    """Lines broken at the margin are joined and words cut at line ends made whole."""
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines: list[str] = []
        for raw in block.split("\n"):
            line = " ".join(raw.split())
            before = lines[-1] if lines else ""
            if not before or _LIST_LINE.match(line + " ") or (len(before) < 40 and not before.endswith(("-", ","))):
                lines.append(line)
            elif before.endswith("-") and before[-2:-1].isalpha() and line[:1].islower():
                lines[-1] = before[:-1] + line
            elif before[-1] in ".:!?。：！？" and len(before) < 60:
                lines.append(line)
            else:
                lines[-1] = f"{before}{'' if _is_han(before[-1]) and _is_han(line[:1]) else ' '}{line}"
        blocks.append("\n".join(line for line in lines if line))
    return "\n\n".join(block for block in blocks if block)


def _is_han(character: str) -> bool:
    return "\u3000" <= character <= "\u9fff" or "\uff00" <= character <= "\uffef"


def _without_running_heads(pages: Sequence[str]) -> list[str]:
    """Drop first and last lines that most pages share, page numbers apart."""
    if len(pages) < 4:
        return list(pages)
    cut = [page.strip("\n ").split("\n") for page in pages]
    for end in (0, -1):
        shapes = Counter(re.sub(r"\d+", "#", lines[end].strip()) for lines in cut if len(lines) > 1)
        repeated = {shape for shape, n in shapes.items() if n * 2 > len(pages) and len(shape) < 120}
        for lines in cut:
            if len(lines) > 1 and re.sub(r"\d+", "#", lines[end].strip()) in repeated:
                lines.pop(end)
    return ["\n".join(lines) for lines in cut]
