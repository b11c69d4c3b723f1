"""PDF: pages, bookmarks as headings, running heads, and the files that hold no text to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from retrieval.parse_pdf import parse_pdf
from retrieval.parsing import Parsed, ParseLimits, Unreadable
from tests.indexing import write_files


def write_pdf(path: Path, pages: Sequence[Sequence[str]], bookmarks: Sequence[tuple[str, int]] = ()) -> PdfWriter:
    """A PDF with the given lines on its pages; a bookmark is (title, page from 0)."""
    writer = PdfWriter()
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    fonts = DictionaryObject(
        {NameObject("/F1"): DictionaryObject({NameObject(k): NameObject(v) for k, v in font.items()})}
    )
    for lines in pages:
        page = writer.add_blank_page(595, 842)
        stream = DecodedStreamObject()
        shown = " ".join(f"({line}) Tj 0 -14 Td" for line in lines)
        stream.set_data(f"BT /F1 12 Tf 72 780 Td {shown} ET".encode("latin-1"))
        page[NameObject("/Contents")] = writer._add_object(stream)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    for title, number in bookmarks:
        writer.add_outline_item(title=title, page_number=number)
    writer.write(path)
    return writer


def parse(path: Path) -> Parsed:
    return parse_pdf(path, ParseLimits(), lambda: None)


def test_sections_know_their_page_and_the_bookmark_they_stand_under(tmp_path: Path) -> None:
    write_pdf(
        tmp_path / "m.pdf",
        [["Manual", "First words."], ["Charging", "Use the cable.", "Safety", "Keep it dry."], ["More on that."]],
        [("Charging", 1), ("Safety", 1)],
    )
    parsed = parse(tmp_path / "m.pdf")
    assert [(s.page, s.heading_path) for s in parsed.sections] == [
        (1, ()),
        (2, ("Charging",)),
        (2, ("Safety",)),
        (3, ("Safety",)),
    ]
    assert [s.text for s in parsed.sections][1:] == ["Use the cable.", "Keep it dry.", "More on that."]


def test_lines_are_joined_and_cut_words_made_whole(tmp_path: Path) -> None:
    write_pdf(
        tmp_path / "l.pdf",
        [
            [
                "This sentence goes on over the end of its line and is not com-",
                "plete before here.",
                "- an item",
                "- two",
            ]
        ],
    )
    assert parse(tmp_path / "l.pdf").sections[0].text == (
        "This sentence goes on over the end of its line and is not complete before here.\n- an item\n- two"
    )


def test_lines_that_stand_on_most_pages_are_left_out(tmp_path: Path) -> None:
    pages = [["Acme Manual", f"Text number {n} is here.", f"Page {n} of 5"] for n in range(1, 6)]
    write_pdf(tmp_path / "r.pdf", pages)
    assert [s.text for s in parse(tmp_path / "r.pdf").sections] == [f"Text number {n} is here." for n in range(1, 6)]


def test_a_pdf_without_text_says_that_it_may_be_a_scan(tmp_path: Path) -> None:
    write_pdf(tmp_path / "scan.pdf", [[]])
    with pytest.raises(Unreadable, match="text recognition"):
        parse(tmp_path / "scan.pdf")


def test_encryption_is_an_obstacle_only_with_a_password(tmp_path: Path) -> None:
    for password, algorithm in (("", "AES-256"), ("secret", "AES-256"), ("secret", "RC4-128")):
        writer = write_pdf(tmp_path / "plain.pdf", [["Hello there."]])
        writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
        writer.write(tmp_path / "locked.pdf")
        if password:
            with pytest.raises(Unreadable, match="encrypted with a password"):
                parse(tmp_path / "locked.pdf")
        else:
            assert parse(tmp_path / "locked.pdf").sections[0].text == "Hello there."


def test_a_page_that_cannot_be_read_is_a_problem_and_the_others_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pypdf import PageObject

    write_pdf(tmp_path / "p.pdf", [["One."], ["Two."]])
    whole = PageObject.extract_text

    def broken(page: PageObject) -> str:
        text = whole(page)
        if "Two" in text:
            raise IndexError("bad operator")
        return text

    monkeypatch.setattr(PageObject, "extract_text", broken)
    parsed = parse(tmp_path / "p.pdf")
    assert [s.text for s in parsed.sections] == ["One."]
    assert parsed.problems == ("page 2 cannot be read: IndexError: bad operator",)


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    write_pdf(tmp_path / "p.pdf", [["x"]] * 3)
    with pytest.raises(Unreadable, match="3 pages, more than 2"):
        parse_pdf(tmp_path / "p.pdf", ParseLimits(pages=2), lambda: None)


def test_a_pdf_that_was_cut_off_is_refused_or_read_but_never_crashes(tmp_path: Path) -> None:
    write_pdf(tmp_path / "whole.pdf", [["Hello there."]] * 4)
    data = (tmp_path / "whole.pdf").read_bytes()
    for size in (0, 9, len(data) // 3, len(data) // 2, len(data) - 30):
        path = write_files(tmp_path, {"cut.pdf": data[:size]}) / "cut.pdf"
        try:
            assert all("Hello" in s.text for s in parse(path).sections)
        except Unreadable as error:
            assert str(error)
