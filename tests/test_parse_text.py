"""Markdown and plain text: headings, lists, tables, front matter."""

from __future__ import annotations

from pathlib import Path

from retrieval.parse_text import parse_md, parse_txt
from retrieval.parsing import Parsed, ParseLimits
from tests.indexing import write_files


def markdown(folder: Path, text: str) -> Parsed:
    return parse_md(write_files(folder, {"return-policy.md": text}) / "return-policy.md", ParseLimits(), lambda: None)


def plain(folder: Path, text: str) -> Parsed:
    return parse_txt(write_files(folder, {"notes_2024.txt": text}) / "notes_2024.txt", ParseLimits(), lambda: None)


def test_sections_carry_the_path_of_their_headings(tmp_path: Path) -> None:
    parsed = markdown(tmp_path, "# Shop\nHello.\n## Returns\n### Refunds\nFive days.\n## Contact\nMail us.\n")
    assert parsed.title == "Shop"
    assert [(s.heading_path, s.text) for s in parsed.sections] == [
        ((), "Hello."),
        (("Returns", "Refunds"), "Five days."),
        (("Contact",), "Mail us."),
    ]


def test_a_heading_without_text_below_it_is_text_itself(tmp_path: Path) -> None:
    parsed = markdown(tmp_path, "# Hours\n## Monday to Friday 9-17\n## Sunday\nClosed.\n")
    assert [(s.heading_path, s.text) for s in parsed.sections] == [
        ((), "Monday to Friday 9-17"),
        (("Sunday",), "Closed."),
    ]


def test_lists_keep_marks_numbers_and_depth(tmp_path: Path) -> None:
    parsed = markdown(tmp_path, "3. Open\n4. Pay\n   - by card\n   - by bank\n\nThen wait.\n")
    assert parsed.sections[0].text == "3. Open\n4. Pay\n  - by card\n  - by bank\n\nThen wait."


def test_table_rows_name_their_columns(tmp_path: Path) -> None:
    parsed = markdown(tmp_path, "| Method | Price |\n|---|---|\n| Express | $9 |\n| Standard | **free** |\n")
    assert parsed.sections[0].text == "Method: Express; Price: $9\nMethod: Standard; Price: free"


def test_marks_and_links_become_plain_words_and_html_is_dropped(tmp_path: Path) -> None:
    parsed = markdown(
        tmp_path, "See *our* [help](javascript:x) `now`<b>!</b>\nplease.\n\n<script>x()</script>\n\n<p>Yes.</p>\n"
    )
    assert parsed.sections[0].text == "See our help now! please.\n\nYes."


def test_code_is_kept_as_it_is(tmp_path: Path) -> None:
    assert markdown(tmp_path, "```\n# no heading\n  x = 1\n```\n").sections[0].text == "# no heading\n  x = 1"


def test_front_matter_sets_title_url_language_and_tags(tmp_path: Path) -> None:
    parsed = markdown(
        tmp_path, "---\ntitle: Our returns\nurl: https://x.example/r\nlanguage: en\ntags: [a, b]\n---\nText.\n"
    )
    assert (parsed.title, parsed.url, parsed.language) == ("Our returns", "https://x.example/r", "en")
    assert parsed.tags == ("a", "b")
    assert parsed.sections[0].text == "Text."


def test_front_matter_that_is_no_yaml_is_text(tmp_path: Path) -> None:
    parsed = markdown(tmp_path, "---\n{{{: nonsense\n---\nText.\n")
    assert "Text." in parsed.sections[-1].text
    assert parsed.title


def test_a_document_that_does_not_name_itself_is_named_by_its_file(tmp_path: Path) -> None:
    assert markdown(tmp_path, "Only text.").title == "return policy"
    assert plain(tmp_path, "Only text.").title == "notes 2024"


def test_wrapped_lines_of_plain_text_are_joined_and_lists_are_not(tmp_path: Path) -> None:
    wrapped = "This is a long line that was wrapped by an editor at seventy\ncharacters or so.\n- one\n- two\n\nNext."
    assert plain(tmp_path, wrapped).sections[0].text == (
        "This is a long line that was wrapped by an editor at seventy characters or so.\n- one\n- two\n\nNext."
    )


def test_underlined_lines_of_plain_text_are_headings(tmp_path: Path) -> None:
    parsed = plain(tmp_path, "Intro.\n\nReturns\n=======\nThirty days.\n\nDamaged goods\n-------------\nAt once.\n")
    assert [(s.heading_path, s.text) for s in parsed.sections] == [
        ((), "Intro."),
        (("Returns",), "Thirty days."),
        (("Returns", "Damaged goods"), "At once."),
    ]


def test_front_matter_that_multiplies_itself_is_no_title(tmp_path: Path) -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))
    parsed = markdown(tmp_path, f"---\nl0: &l0 [x]\n{levels}\ntitle: *l11\ntags: *l11\n---\nText.\n")
    assert (parsed.title, parsed.tags) == ("return policy", ())


def test_a_heading_as_long_as_a_page_is_text(tmp_path: Path) -> None:
    parsed = markdown(tmp_path, "# " + "word " * 100 + "\n\nText.\n")
    assert parsed.title == "return policy"
    assert [s.heading_path for s in parsed.sections] == [()]
    assert parsed.sections[0].text.endswith("word\n\nText.")


def test_front_matter_dates_the_document(tmp_path: Path) -> None:
    assert markdown(tmp_path, "---\nupdated: 2026-03-01\n---\nText.\n").date == "2026-03-01"
    assert markdown(tmp_path, "Text.\n").date is None
