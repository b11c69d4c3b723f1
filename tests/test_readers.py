"""Files and folders to documents, and what happens to files that are broken, huge, hostile or hidden."""

from __future__ import annotations

import json
import os
import signal
import zipfile
from pathlib import Path

import pytest
from docx import Document as new_docx

from retrieval.documents import Document
from retrieval.failures import NothingToIngest
from retrieval.parsing import ParseLimits
from retrieval.readers import Failure, Reader, SourceFile, list_files
from tests.indexing import write_files

DATA = Path(os.environ.get("ASSISTANT_DATA", Path(__file__).parents[2] / "shared" / "data"))


def read(path: Path, limits: ParseLimits | None = None) -> tuple[list[Document], list[str]]:
    """The documents of one file, and the reasons of what failed."""
    with Reader(limits) as reader:
        found = list(reader.read(SourceFile(path, path.name, "test", False)))
    return [f for f in found if isinstance(f, Document)], [f.error for f in found if isinstance(f, Failure)]


def test_folders_are_walked_and_hidden_or_foreign_files_skipped(tmp_path: Path) -> None:
    write_files(tmp_path, {"b/x.md": "x", "a.TXT": "x", ".git/y.md": "x", ".z.md": "x", "c.exe": "x", "b/n.jsonl": ""})
    files, failures = list_files([tmp_path], None)
    assert [f.name for f in files] == ["a.TXT", "b/n.jsonl", "b/x.md"]
    assert {f.source for f in files} == {tmp_path.name}
    assert failures == []


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    secret = write_files(tmp_path / "outside", {"secret.md": "secret"})
    inside = write_files(tmp_path / "inside", {"real.md": "x"})
    (inside / "file.md").symlink_to(secret / "secret.md")
    (inside / "folder").symlink_to(secret)
    (inside / "loop.md").symlink_to(inside / "loop.md")
    (inside / "alias.md").symlink_to(inside / "real.md")
    assert [f.name for f in list_files([inside], None)[0]] == ["alias.md", "real.md"]


def test_given_files_that_cannot_be_read_are_failures_with_a_reason(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.exe": "x"})
    os.mkfifo(tmp_path / "pipe.md")
    files, failures = list_files([tmp_path / "a.exe", tmp_path / "pipe.md"], None)
    assert files == []
    assert "type that is not read" in failures[0].error
    assert failures[1].error == "is not a regular file"
    files, failures = list_files([tmp_path], None)
    assert files == []
    assert "holds no file of a type that is read" in failures[0].error


def test_a_link_that_is_given_keeps_its_own_name(tmp_path: Path) -> None:
    write_files(tmp_path, {"docs/v2.md": "x"})
    (tmp_path / "latest.md").symlink_to(tmp_path / "docs" / "v2.md")
    (tmp_path / "current").symlink_to(tmp_path / "docs")
    files, _ = list_files([tmp_path / "latest.md", tmp_path / "current"], None)
    assert [(f.source, f.name) for f in files] == [("latest.md", "latest.md"), ("current", "v2.md")]


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NothingToIngest, match=r"no-such\.md"):
        list_files([tmp_path / "no-such.md"], None)


def test_a_bad_file_does_not_stop_the_next_one(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.pdf": b"%PDF-1.4 nonsense", "b.md": "# Title\nText.", "c.docx": b"PK\x03\x04cut"})
    files, _ = list_files([tmp_path], "kb")
    with Reader() as reader:
        found = [f for file in files for f in reader.read(file)]
    assert [type(f).__name__ for f in found] == ["Failure", "Document", "Failure"]
    assert "PDF" in found[0].error  # type: ignore[union-attr]
    assert "cut off" in found[2].error  # type: ignore[union-attr]


def test_a_parser_that_dies_is_replaced(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.md": "one", "b.md": "two"})
    (a, b), _ = list_files([tmp_path], "kb")
    with Reader() as reader:
        assert [d.id for d in reader.read(a)] == ["a.md"]  # type: ignore[union-attr]
        assert reader._process is not None
        os.kill(reader._process.pid, signal.SIGSEGV)
        reader._process.wait()
        (failure,) = reader.read(a)
        assert isinstance(failure, Failure)
        assert "crashed on it (SIGSEGV)" in failure.error
        assert [d.id for d in reader.read(b)] == ["b.md"]  # type: ignore[union-attr]


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    slow = write_files(tmp_path, {"slow.html": "<div>" * 300_000 + "x"}) / "slow.html"
    documents, errors = read(slow, ParseLimits(silent_seconds=0.02))
    assert documents == []
    assert "no progress for 0 s" in errors[0]


def test_a_file_that_needs_too_much_memory_is_a_failure(tmp_path: Path) -> None:
    big = write_files(tmp_path, {"big.txt": b"word " * 30_000_000}) / "big.txt"
    documents, errors = read(big, ParseLimits(memory_bytes=300 << 20))
    assert documents == []
    assert "of memory" in errors[0]


def test_a_text_too_long_for_one_document_is_a_failure(tmp_path: Path) -> None:
    line = write_files(tmp_path, {"line.txt": b"a" * (50 << 20)}) / "line.txt"
    documents, errors = read(line)
    assert documents == []
    assert "more than 5,000,000 characters" in errors[0]


def test_a_file_too_large_is_a_failure(tmp_path: Path) -> None:
    path = write_files(tmp_path, {"a.txt": "x" * 2000}) / "a.txt"
    assert "larger than" in read(path, ParseLimits(file_bytes=1000))[1][0]


def test_deeply_nested_html_does_no_harm(tmp_path: Path) -> None:
    bomb = write_files(tmp_path, {"bomb.html": "<div>" * 100_000 + "deep text" + "</div>" * 100_000}) / "bomb.html"
    documents, errors = read(bomb)
    assert errors or "deep text" in documents[0].sections[0].text


def test_a_zip_bomb_named_docx_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", b"0" * (64 << 20))
    documents, errors = read(path, ParseLimits(expanded_bytes=10 << 20))
    assert documents == []
    assert "unpacks to 67,108,864 bytes" in errors[0]


def test_a_docx_that_was_cut_off_is_a_failure(tmp_path: Path) -> None:
    word = new_docx()
    word.add_paragraph("Hello.")
    word.save(str(tmp_path / "whole.docx"))
    data = (tmp_path / "whole.docx").read_bytes()
    for size in (10, len(data) // 2, len(data) - 20):
        cut = write_files(tmp_path, {"cut.docx": data[:size]}) / "cut.docx"
        assert "cut off" in read(cut)[1][0]


@pytest.mark.parametrize(
    "name", ["junk.txt", "junk.md", "junk.html", "junk.csv", "junk.jsonl", "junk.pdf", "junk.docx"]
)
def test_binary_junk_under_any_name_is_a_failure(tmp_path: Path, name: str) -> None:
    junk = bytes((i * 7919 + i // 256 * 31) % 256 for i in range(20_000))
    documents, errors = read(write_files(tmp_path, {name: junk}) / name)
    assert documents == []
    assert errors


@pytest.mark.parametrize("name", ["e.txt", "e.md", "e.html", "e.pdf", "e.docx"])
def test_an_empty_file_is_a_failure(tmp_path: Path, name: str) -> None:
    documents, errors = read(write_files(tmp_path, {name: b""}) / name)
    assert documents == []
    assert errors


def test_the_parser_sees_none_of_the_secrets_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSISTANT_ENGINE_KEY", "secret")
    path = write_files(tmp_path, {"a.md": "x"}) / "a.md"
    with Reader() as reader:
        list(reader.read(SourceFile(path, "a.md", "s", False)))
        assert reader._process is not None
        environment = Path(f"/proc/{reader._process.pid}/environ").read_bytes()
    assert b"secret" not in environment


def test_leaving_the_reader_ends_the_process(tmp_path: Path) -> None:
    path = write_files(tmp_path, {"a.md": "x"}) / "a.md"
    with Reader() as reader:
        list(reader.read(SourceFile(path, "a.md", "s", False)))
        process = reader._process
    assert process is not None
    assert process.returncode == -signal.SIGKILL


def test_odd_strings_survive_the_way_through_the_pipe(tmp_path: Path) -> None:
    text = "\ud800 lone, \u202e turned, \U0001f9d1‍\U0001f33e, 田中さん, <script>alert(1)</script>, \u0000"
    rows = [{"question": "q " + text.replace("\x00", ""), "answer": text.replace("\x00", ""), "id": "odd"}]
    path = write_files(tmp_path, {"a.jsonl": "\n".join(map(json.dumps, rows))}) / "a.jsonl"
    documents, errors = read(path)
    assert errors == []
    assert documents[0].question is not None
    assert "\ufffd lone" in documents[0].question
    assert "<script>alert(1)</script>" in documents[0].answers[0]
    documents[0].question.encode()


@pytest.mark.skipif(not (DATA / "security" / "pdf").is_dir(), reason="no odd PDFs: set ASSISTANT_DATA")
def test_every_odd_pdf_is_read_or_listed_with_a_reason() -> None:
    files, _ = list_files([DATA / "security" / "pdf"], None)
    assert len(files) > 30
    with Reader() as reader:
        for file in files:
            found = list(reader.read(file))
            assert found, file.name
            for one in found:
                assert one.error if isinstance(one, Failure) else one.sections, file.name
