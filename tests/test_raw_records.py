"""Records stream out of JSON Lines, JSON and CSV with their places, within bounded memory."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from training import raw_records
from training.raw_records import Record, Unreadable, layout_of, read_records, sideloaded


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ('{"a": 1}\n{"a": 2}\n', "lines"),
        ('\ufeff{"a": \n{"a": 2}\n', "lines"),
        ('{"a": 1}\n', "document"),
        ('{\n  "a": 1\n}', "document"),
        ('\n [{"a": 1}]', "array"),
        ("a,b\n1,2\n", "csv"),
    ],
)
def test_layouts_are_told_apart(tmp_path: Path, text: str, layout: str) -> None:
    assert layout_of(write(tmp_path / "f", text)) == layout


def test_gzip_is_known_by_its_first_bytes_not_by_the_name(tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl"
    path.write_bytes(gzip.compress(b'{"a": 1}\n{"a": 2}\n'))
    assert [raw.value for raw in read_records(path) if isinstance(raw, Record)] == [{"a": 1}, {"a": 2}]


def test_lists_in_small_and_large_documents_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = [{"id": n, "comments": []} for n in range(30)]
    path = write(
        tmp_path / "d.json", json.dumps({"users": [{"id": 1}], "tickets": tickets, "comments": [{"ticket_id": 5}]})
    )
    small = list(read_records(path))
    monkeypatch.setattr(raw_records, "SMALL_DOCUMENT", 100)
    assert list(read_records(path)) == small
    assert [raw.place for raw in small][-2:] == ["tickets 30", "comments 1"]
    assert list(sideloaded(path, "users")) == [{"id": 1}]


def test_a_record_past_the_limit_is_skipped_in_lines_and_ends_an_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_records, "LONGEST_RECORD", 1 << 18)
    long = json.dumps({"x": "y" * (1 << 20)})
    lines = list(read_records(write(tmp_path / "l.jsonl", f'{{"a": 1}}\n{{"a": 2}}\n{long}\n{{"a": 3}}\n')))
    assert [type(raw) for raw in lines] == [Record, Record, Unreadable, Record]
    assert lines[2] == Unreadable("line 3", "longer than 262,144 bytes")
    array = list(read_records(write(tmp_path / "a.json", f'[{{"a": 1}}, {long}]')))
    assert isinstance(array[-1], Unreadable)
    assert "longer than" in array[-1].reason


def test_lists_of_any_length_around_the_records_are_no_long_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_records, "LONGEST_RECORD", 1 << 18)
    monkeypatch.setattr(raw_records, "SMALL_DOCUMENT", 100)
    users = [{"id": n, "name": "y" * 100} for n in range(10_000)]
    tickets, comments = [{"id": n, "x": "y" * 200} for n in range(5_000)], [{"ticket_id": n} for n in range(3)]
    path = write(
        tmp_path / "d.json", json.dumps({"users": users, "tickets": tickets, "comments": comments, "z": users})
    )
    values = [raw.value if isinstance(raw, Record) else raw for raw in read_records(path)]
    assert values == tickets + comments
    assert list(sideloaded(path, "users")) == users


def test_memory_stays_flat_while_a_long_array_streams(tmp_path: Path) -> None:
    record = json.dumps({"id": 1, "text": "word " * 200})
    path = write(tmp_path / "a.json", "[" + ",\n".join([record] * 20_000) + "]")
    tracemalloc.start()
    count = sum(isinstance(raw, Record) for raw in read_records(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < path.stat().st_size / 5


def test_progress_is_told_the_bytes_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "l.jsonl", '{"a": 1}\n' * 1000)
    read: list[int] = []
    list(read_records(path, read.append))
    assert sum(read) == path.stat().st_size


def test_csv_rows_that_do_not_fit_the_header_are_told(tmp_path: Path) -> None:
    rows = list(read_records(write(tmp_path / "r.csv", 'a,b\n1,2\n3\n4,5,6\n"x\ny",7\n')))
    assert [raw.place for raw in rows if isinstance(raw, Unreadable)] == ["row 3", "row 4"]
    assert rows[-1] == Record("row 5", {"a": "x\ny", "b": "7"})


def test_csv_in_another_encoding_says_so(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("a,b\n1,ü\n".encode("latin-1"))
    (row,) = read_records(path)
    assert isinstance(row, Unreadable)
    assert "UTF-8" in row.reason
