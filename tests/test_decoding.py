"""Text files in the encodings that customers' systems write."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.decoding import detect_encoding, read_text
from retrieval.parsing import Unreadable
from tests.indexing import write_files

GERMAN = "Rückgabe – für 30 € schön"
FRENCH = "garçon, été, déjà vu; naïve façade"
CHINESE = "退货政策：请在三十天内联系我们的客服。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "utf-8"),
        (CHINESE, "utf-8-sig"),
        (CHINESE, "utf-16"),
        (CHINESE, "gb18030"),
        ("plain words " * 9, "utf-16-le"),
        ("plain words " * 9, "utf-16-be"),
        (CHINESE, "utf-32"),
        (GERMAN, "cp1252"),
        (FRENCH, "latin-1"),
        ("\x81 odd but text", "latin-1"),
    ],
)
def test_text_is_read_in_its_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    path = write_files(tmp_path, {"a.txt": text.encode(encoding)}) / "a.txt"
    assert read_text(path).strip() == text.replace("\x81", "").strip()


def test_a_declared_encoding_is_used_where_it_fits(tmp_path: Path) -> None:
    path = write_files(tmp_path, {"a.html": "日本語の説明".encode("shift_jis")}) / "a.html"
    assert read_text(path, declared="shift_jis") == "日本語の説明"
    assert detect_encoding(path, declared="zlib") != "zlib"
    assert detect_encoding(path, declared="no-such-codec") != "no-such-codec"


def test_line_ends_and_control_characters_are_cleaned(tmp_path: Path) -> None:
    path = write_files(tmp_path, {"a.txt": "\ufeffone\r\ntwo\rthree\x07\n"}) / "a.txt"
    assert read_text(path) == "one\ntwo\nthree\n"


def test_binary_data_is_not_text(tmp_path: Path) -> None:
    path = write_files(tmp_path, {"a.txt": bytes(range(256)) * 20}) / "a.txt"
    with pytest.raises(Unreadable, match="binary data"):
        read_text(path)
