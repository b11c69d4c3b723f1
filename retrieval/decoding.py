"""Bytes of text files to text: finds the encoding and tells text from binary data.

Knows nothing of what the text means.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from retrieval.parsing import Unreadable, clean

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 20


def detect_encoding(path: Path, declared: str | None = None) -> str:
    """The name of a codec that reads the whole file: Unicode by its mark or validity, GB18030, else Windows-1252.

    `declared`, what an HTML page says of itself, is tried after UTF-8.
    """
    with path.open("rb") as stream:
        head = stream.read(_CHUNK)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if b"\x00" in head[:4096]:
        return _unmarked_utf16(head)
    if _decodes(path, "utf-8"):
        return "utf-8"
    if declared is not None and _decodes(path, declared):
        return declared
    if _looks_chinese(head) and _decodes(path, "gb18030"):
        return "gb18030"
    return "cp1252" if _decodes(path, "cp1252") else "latin-1"


def read_text(path: Path, declared: str | None = None) -> str:
    """A text file decoded and cleaned. Raises Unreadable for binary data."""
    text = path.read_bytes().decode(detect_encoding(path, declared), errors="replace")
    odd = sum(text.count(c) for c in map(chr, (*range(9), *range(14, 32), 0x7F, 0xFFFD)))
    if odd > 8 + len(text) // 50:
        raise Unreadable("is not text: it holds binary data")
    return clean(text)


def _decodes(path: Path, encoding: str) -> bool:
    try:
        " ".encode(encoding)  # refuses codecs that are not of text, such as zlib
        decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except (UnicodeError, LookupError):
        return False
    return True


def _unmarked_utf16(head: bytes) -> str:
    sample = head[: 4096 & ~1]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if min(even, odd) * 10 < max(even, odd) and max(even, odd) * 4 > len(sample) // 2:
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def _looks_chinese(head: bytes) -> bool:
    """Whether the bytes above ASCII are mostly common characters of GB2312; accented Latin letters never are."""
    pairs = re.findall(rb"[\x80-\xff][\x40-\xff]", head)
    common = [p for p in pairs if (0xB0 <= p[0] <= 0xD7 and p[1] >= 0xA1) or p[0] in (0xA1, 0xA3)]
    return len(common) * 10 > len(pairs) * 7
