"""The day a document was last changed, as it says itself: front matter, columns, or meta elements.

Knows ISO dates with or without a time, and year/month/day; what may be read in two ways is no date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

KEYS = ("updated", "last_updated", "updated_at", "modified", "date", "published", "更新日期", "日期")
_DAY = re.compile(r"\s*(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})(?:日|[T\s].*)?\s*", re.DOTALL)


def day(value: object) -> str | None:
    """The ISO day in a value, None where there is none."""
    found = _DAY.fullmatch(str(value)) if value is not None else None
    if found is None:
        return None
    try:
        return date(*map(int, found.groups())).isoformat()
    except ValueError:
        return None


def day_of(fields: Mapping[str, Any]) -> str | None:
    """The day in the first of the usual fields that has one."""
    return next((found for key in KEYS if (found := day(fields.get(key)))), None)
