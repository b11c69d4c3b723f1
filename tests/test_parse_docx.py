"""Word documents: headings, lists and tables in the order of the document."""

from __future__ import annotations

from pathlib import Path

import pytest
from docx import Document as new_docx

from retrieval.parse_docx import parse_docx
from retrieval.parsing import ParseLimits, Unreadable
from tests.indexing import write_files


def test_headings_paragraphs_lists_and_tables_keep_their_order(tmp_path: Path) -> None:
    word = new_docx()
    word.add_heading("Warranty", 0)
    word.add_paragraph("Two years.")
    word.add_heading("What is covered", 1)
    word.add_paragraph("Lamps", style="List Bullet")
    word.add_paragraph("Batteries", style="List Number")
    word.add_heading("Costs", 2)
    table = word.add_table(rows=3, cols=2)
    for row, cells in zip(table.rows, [("Part", "Price"), ("Lamp", "$3"), ("Battery", "$4")], strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    word.add_paragraph("After the table.")
    word.save(str(tmp_path / "w.docx"))
    parsed = parse_docx(tmp_path / "w.docx", ParseLimits(), lambda: None)
    assert parsed.title == "Warranty"
    assert [(s.heading_path, s.text) for s in parsed.sections] == [
        ((), "Two years."),
        (("What is covered",), "- Lamps\n- Batteries"),
        (("What is covered", "Costs"), "Part: Lamp; Price: $3\nPart: Battery; Price: $4\n\nAfter the table."),
    ]


def test_merged_cells_are_said_once(tmp_path: Path) -> None:
    word = new_docx()
    table = word.add_table(rows=2, cols=2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Both"
    table.cell(1, 0).text, table.cell(1, 1).text = "1", "2"
    word.save(str(tmp_path / "w.docx"))
    parsed = parse_docx(tmp_path / "w.docx", ParseLimits(), lambda: None)
    assert parsed.sections[0].text == "Both\n1 | 2"


def test_old_or_encrypted_word_files_say_what_to_do(tmp_path: Path) -> None:
    path = write_files(tmp_path, {"old.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)}) / "old.docx"
    with pytest.raises(Unreadable, match=r"save it as \.docx without a password"):
        parse_docx(path, ParseLimits(), lambda: None)


def test_a_zip_that_is_no_word_document_is_refused(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "z.docx", "w") as package:
        package.writestr("hello.txt", "hello")
    with pytest.raises(Unreadable, match="Word document"):
        parse_docx(tmp_path / "z.docx", ParseLimits(), lambda: None)
