"""What text, identifiers and JSON both SQLite and PostgreSQL can hold, and how anything else is made to fit.

Free text loses nothing but NUL and lone surrogates, which become U+FFFD; identifiers are refused instead,
because a changed identifier would name something else. Knows nothing of tables.
"""

from __future__ import annotations

import json
import math
from typing import Any

from assistant.errors import InvalidInput

IDENTIFIER_CHARS = 255


def clean(text: str) -> str:
    """`text` with NUL and lone surrogates replaced by U+FFFD (surrogate pairs become their character)."""
    text = text.replace("\x00", "\ufffd")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean_or_none(text: str | None) -> str | None:
    """`clean` for optional text."""
    return None if text is None else clean(text)


def identifier(name: str, value: str, limit: int = IDENTIFIER_CHARS) -> str:
    """`value` itself; raises InvalidInput if empty, longer than `limit` characters, or not storable."""
    if not value:
        raise InvalidInput(f"{name} is empty")
    if len(value) > limit:
        raise InvalidInput(f"{name} {value[:40]!r}... has {len(value)} characters; at most {limit} are allowed")
    if clean(value) != value:
        raise InvalidInput(f"{name} {value!r} has a NUL character or a broken surrogate; send plain Unicode text")
    return value


def identifier_or_none(name: str, value: str | None) -> str | None:
    """`identifier` for optional values."""
    return None if value is None else identifier(name, value)


def to_json(value: Any) -> str:
    """JSON with every text cleaned; NaN and infinities, which JSON lacks, become null."""
    return json.dumps(_jsonable(value), ensure_ascii=False, allow_nan=False)


def _jsonable(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {clean(str(key)): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value
