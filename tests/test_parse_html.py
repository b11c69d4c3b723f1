"""HTML pages: what a visitor sees, with headings, lists and tables."""

from __future__ import annotations

from pathlib import Path

from retrieval.parse_html import html_text, parse_html
from retrieval.parsing import Parsed, ParseLimits
from tests.indexing import write_files


def page(folder: Path, text: str | bytes) -> Parsed:
    return parse_html(write_files(folder, {"page.html": text}) / "page.html", ParseLimits(), lambda: None)


def test_only_visible_content_is_read(tmp_path: Path) -> None:
    parsed = page(
        tmp_path,
        "<title>T</title><style>s{}</style><nav>menu</nav><p>Seen.<script>x()</script><noscript>no</noscript>"
        "<span hidden>h1</span><span style='display: none'>h2</span><span aria-hidden=true>h3</span> Too.</p>"
        "<!-- comment --><template>t</template><footer>foot</footer><button>Buy</button>",
    )
    assert parsed.title == "T"
    assert [s.text for s in parsed.sections] == ["Seen. Too."]


def test_headings_make_paths_and_a_button_in_one_is_its_text(tmp_path: Path) -> None:
    parsed = page(
        tmp_path,
        "<html lang=en-GB><title>Returns | Shop</title><h1>Returns</h1><p>Hi.</p>"
        "<h2><button>Refunds</button></h2><div>Five <b>days</b>.</div><h3>Cards</h3>Two.",
    )
    assert (parsed.title, parsed.language) == ("Returns", "en")
    assert [(s.heading_path, s.text) for s in parsed.sections] == [
        ((), "Hi."),
        (("Refunds",), "Five days."),
        (("Refunds", "Cards"), "Two."),
    ]


def test_questions_that_fold_are_headings(tmp_path: Path) -> None:
    parsed = page(tmp_path, "<h1>FAQ</h1><details><summary>How long?</summary><p>A week.</p></details><p>End.</p>")
    assert parsed.sections[0].heading_path == ("How long?",)
    assert parsed.sections[0].text.startswith("A week.")


def test_the_main_part_is_taken_where_there_is_one(tmp_path: Path) -> None:
    parsed = page(tmp_path, "<div>cookies</div><main><header>Top</header><p>Main.</p></main><aside>ads</aside>")
    assert "\n".join(s.text for s in parsed.sections) == "Top\n\nMain."


def test_lists_and_tables_are_lines(tmp_path: Path) -> None:
    parsed = page(
        tmp_path,
        "<ol><li>Open <i>it</i><li><p>Pay</p></ol><table><tr><th>Way<th>Price<tr><td>Express<td>9</table>"
        "<table><tr><td>a<td>b</table>a<br>b",
    )
    assert parsed.sections[0].text == "1. Open it\n2. Pay\n\nWay: Express; Price: 9\n\na | b\n\na\nb"


def test_the_declared_encoding_is_used(tmp_path: Path) -> None:
    parsed = page(tmp_path, "<meta charset=shift_jis><p>日本語の説明</p>".encode("shift_jis"))
    assert parsed.sections[0].text == "日本語の説明"


def test_a_page_address_is_taken_only_if_it_is_a_web_address(tmp_path: Path) -> None:
    link = "<link rel=canonical href='{}'><p>x</p>"
    assert page(tmp_path, link.format("https://x.example/a")).url == "https://x.example/a"
    assert page(tmp_path, link.format("javascript:alert(1)")).url is None


def test_fragments_become_plain_text() -> None:
    assert html_text("<p>Hello<br>there</p><script>x</script><p>you") == "Hello\nthere\n\nyou"
    assert html_text("<!-- only a comment -->") == ""
    assert html_text("") == ""


def test_a_page_says_when_it_was_changed(tmp_path: Path) -> None:
    changed = '<meta property="article:modified_time" content="2026-03-01T10:00:00Z">'
    head = f'<head><meta name="date" content="2024-01-01">{changed}</head>'
    assert page(tmp_path, f"<html>{head}<body><p>Text.</p></body></html>").date == "2026-03-01"
    assert page(tmp_path, "<p>Text.</p>").date is None
