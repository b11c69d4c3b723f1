"""CSV and JSON Lines as in the contract; bad rows are listed and the rest go on."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from retrieval.documents import Document
from retrieval.parse_faq import BadRow, FaqFile, read_rows
from retrieval.parsing import ParseLimits, Unreadable
from tests.indexing import write_files


def rows(folder: Path, name: str, text: str | bytes, limits: ParseLimits | None = None) -> list[Document | BadRow]:
    path = write_files(folder, {name: text}) / name
    return list(read_rows(FaqFile(path, name, "kb"), limits or ParseLimits(), lambda: None))


def good(found: list[Document | BadRow]) -> list[Document]:
    return [row for row in found if isinstance(row, Document)]


def bad(found: list[Document | BadRow]) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in found if isinstance(row, BadRow)]


def test_a_csv_row_is_a_question_with_its_answer(tmp_path: Path) -> None:
    text = 'Question;Answer;ID;Entity;Language;Tags;URL\n"How; long?";"Two\nweeks";7;Inn;en;"a, b";https://x.example\nB;C;;;;;\n'
    first, second = good(rows(tmp_path, "faq.csv", text))
    assert (first.id, first.question, first.answers, first.row) == ("7", "How; long?", ("Two\nweeks",), 2)
    assert (first.entity, first.language, first.tags, first.url) == ("Inn", "en", ("a", "b"), "https://x.example")
    assert (second.id, second.row, second.title) == ("faq.csv:4", 4, "B")


def test_jsonl_takes_several_answers_and_numbers_as_ids(tmp_path: Path) -> None:
    lines = [{"id": 0, "question": "Q", "answers": ["one", "", "two"]}, {"question": "R", "answer": "x", "title": "T"}]
    first, second = good(rows(tmp_path, "faq.jsonl", "\n\n".join(map(json.dumps, lines))))
    assert (first.id, first.answers) == ("0", ("one", "two"))
    assert (second.id, second.title, second.row) == ("faq.jsonl:3", "T", 3)


def test_answers_of_a_csv_may_be_a_json_list(tmp_path: Path) -> None:
    assert good(rows(tmp_path, "a.csv", 'question,answers\nQ,"[""a"", ""b""]"\nR,[sic]\n'))[0].answers == ("a", "b")


@pytest.mark.parametrize("key", ["text", "content", "body"])
def test_plain_documents_have_text_and_its_markdown_headings(tmp_path: Path, key: str) -> None:
    lines = [{key: "Only words.", "title": "T"}, {key: "Intro\n\n## Fees\n\nNone."}]
    first, second = good(rows(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines))))
    assert first.question is None
    assert [(s.heading_path, s.text) for s in first.sections] == [((), "Only words.")]
    assert [(s.heading_path, s.text) for s in second.sections] == [((), "Intro"), (("Fees",), "None.")]
    assert second.title == ""


def test_bad_rows_are_listed_with_their_line_and_the_rest_go_on(tmp_path: Path) -> None:
    lines = [
        '{"question": "ok", "answer": "ok"}',
        '{"question": "no answer"}',
        "not json",
        '["a", "list"]',
        '{"question": {"a": 1}, "answer": "x"}',
        '{"question": "q", "answer": "x", "url": "javascript:alert(1)"}',
        '{"question": "q", "answer": "x", "id": {"a": 1}}',
        '{"question": "q\\u0000", "answer": "x"}',
        '{"answer": "x"}',
        '{"text": "fine"}',
    ]
    found = rows(tmp_path, "a.jsonl", "\n".join(lines))
    assert [d.row for d in good(found)] == [1, 10]
    reasons = dict(bad(found))
    assert list(reasons) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert reasons[2] == "has a question but no answer"
    assert "is not JSON" in reasons[3]
    assert "javascript" in reasons[6]
    assert "NUL" in reasons[8]


def test_bad_csv_rows_are_listed_and_the_rest_go_on(tmp_path: Path) -> None:
    text = 'question,answer\na,b\nnul\x00,x\nc,d,too,many\n,\ne,\nf,g\nh,"never closed\ni,j\n'
    found = rows(tmp_path, "a.csv", text)
    assert [d.question for d in good(found)] == ["a", "f"]
    assert [line for line, _ in bad(found)] == [3, 4, 6, 8]
    assert bad(found)[-1][1] == "is not CSV: a quote is opened and never closed"


def test_a_file_without_known_columns_says_which_it_needs(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"needs a column question .* its columns are: name, price"):
        rows(tmp_path, "a.csv", "name,price\nx,1\n")


def test_a_file_without_any_good_row_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no good row among its first 100"):
        rows(tmp_path, "a.jsonl", "nonsense\n" * 5000)


def test_encodings_of_spreadsheets_are_read(tmp_path: Path) -> None:
    text = "question,answer\n退货吗？,可以，三十天内。\n"
    for encoding in ("utf-8-sig", "utf-16", "gb18030"):
        assert good(rows(tmp_path, "a.csv", text.encode(encoding)))[0].question == "退货吗？"


def test_compressed_files_are_read_within_the_expansion_limit(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"text": "hello"}\n' * 1000)
    assert len(good(rows(tmp_path, "a.jsonl.gz", packed))) == 1000
    with pytest.raises(Unreadable, match="unpacks to more than"):
        rows(tmp_path, "a.jsonl.gz", packed, ParseLimits(expanded_bytes=1000))
    with pytest.raises(Unreadable, match="not a whole gzip"):
        rows(tmp_path, "a.jsonl.gz", packed[:40])


def test_an_overlong_line_is_a_bad_row(tmp_path: Path) -> None:
    text = '{"text": "' + "a" * 500 + '"}\n{"text": "short"}\n'
    found = rows(tmp_path, "a.jsonl", text, ParseLimits(characters=100))
    assert [d.row for d in good(found)] == [2]
    assert bad(found) == [(1, "is longer than 200 characters")]


def test_a_file_full_of_bad_rows_names_the_first_hundred_and_counts_the_others(tmp_path: Path) -> None:
    found = rows(tmp_path, "a.jsonl", '{"text": "fine"}\n' + "nonsense\n" * 250)
    assert len(good(found)) == 1
    assert len(bad(found)) == 101
    assert bad(found)[-1] == (251, "is the last of 150 more bad rows")


def test_what_every_passage_repeats_is_bounded(tmp_path: Path) -> None:
    lines = [
        {"question": "q" * 5000, "answer": "x"},
        {"question": "Q" * 1000, "answer": "x", "entity": "e" * 900, "tags": ["t" * 900] * 90},
        {"text": "x", "title": "t " * 900, "url": "https://x.example/" + "u" * 3000},
    ]
    found = rows(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)))
    (kept,) = good(found)
    assert [line for line, _ in bad(found)] == [1, 3]
    assert len(kept.title) == len(kept.entity or "") == 300
    assert [len(tag) for tag in kept.tags] == [300] * 50


def test_a_row_may_say_when_it_was_changed(tmp_path: Path) -> None:
    dated, undated = rows(tmp_path, "faq.csv", "question,answer,updated\nWhen?,Now.,2026-03-01\nWho?,We.,\n")
    assert isinstance(dated, Document) and isinstance(undated, Document)
    assert (dated.date, undated.date) == ("2026-03-01", None)
