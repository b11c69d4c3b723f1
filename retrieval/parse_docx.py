"""Word documents: headings, paragraphs, lists and tables in document order.

Knows nothing of other formats.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from docx import Document as open_docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml.etree import LxmlError

from retrieval.parsing import (
    Alive,
    Parsed,
    ParseLimits,
    SectionBuilder,
    Unreadable,
    clean,
    shortened,
    table_text,
    title_from,
)

_HEADING = re.compile(r"heading\s*(\d)", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0"
_MOST_PARTS = 10_000


def parse_docx(path: Path, limits: ParseLimits, alive: Alive) -> Parsed:
    """A .docx file; runs of list items stay one block."""
    word = _open(path, limits)
    alive()
    builder = SectionBuilder(limits)
    title = clean(word.core_properties.title or "").strip()
    items: list[str] = []
    for block in word.iter_inner_content():
        if isinstance(block, Paragraph) and _is_list_item(block):
            items.append("- " + clean(block.text).strip())
            continue
        builder.block("\n".join(items))
        items.clear()
        if isinstance(block, Table):
            builder.block(_table(block))
            alive()
        else:
            title = _paragraph(block, builder, title)
    builder.block("\n".join(items))
    title = title or title_from(path)
    return Parsed(shortened(title), builder.sections(title))


def _paragraph(paragraph: Paragraph, builder: SectionBuilder, title: str) -> str:
    """Add a heading or paragraph; gives the document's title, which a paragraph of style Title sets."""
    text = clean(paragraph.text).strip()
    style = (paragraph.style.name or "") if paragraph.style is not None else ""
    heading = _HEADING.match(style)
    if heading:
        builder.heading(int(heading.group(1)), text)
    elif style == "Title" and text:
        return " ".join(text.split())
    else:
        builder.block(text)
    return title


def _open(path: Path, limits: ParseLimits) -> WordDocument:
    with path.open("rb") as stream:
        if stream.read(4) == _OLE:
            raise Unreadable("is encrypted or in the old .doc format: save it as .docx without a password")
    try:
        with zipfile.ZipFile(path) as package:
            _check_expansion(package, limits)
        return open_docx(str(path))
    except (zipfile.BadZipFile, PackageNotFoundError, EOFError) as error:
        raise Unreadable("is not a Word document, or it is cut off") from error
    except (KeyError, ValueError, AttributeError, NotImplementedError, OSError, LxmlError) as error:
        raise Unreadable(f"is a damaged Word document: {error}") from error


def _check_expansion(package: zipfile.ZipFile, limits: ParseLimits) -> None:
    parts = package.infolist()
    expanded = sum(part.file_size for part in parts)
    if len(parts) > _MOST_PARTS or expanded > limits.expanded_bytes:
        raise Unreadable(f"unpacks to {expanded:,} bytes in {len(parts):,} parts, more than is safe to open")


def _is_list_item(paragraph: Paragraph) -> bool:
    if not paragraph.text.strip():
        return False
    properties = paragraph._p.pPr
    if properties is not None and properties.numPr is not None:
        style = paragraph.style.name if paragraph.style is not None else ""
        return not _HEADING.match(style or "")
    return paragraph.style is not None and (paragraph.style.name or "").startswith("List")


def _table(table: Table) -> str:
    """Rows of cell texts; merged cells are said once. A first row of distinct words is taken for the header."""
    rows: list[list[str]] = []
    for row in table.rows:
        cells: list[str] = []
        seen: set[int] = set()
        for cell in row.cells:
            if id(cell._tc) not in seen:
                seen.add(id(cell._tc))
                cells.append(clean(cell.text))
        rows.append(cells)
    first = [cell.strip() for cell in rows[0]] if rows else []
    header = len(first) > 1 and all(first) and len(set(first)) == len(first) and not any(map(_is_number, first))
    return table_text(rows, header)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[\d.,%$€£¥\s+-]+", text))
