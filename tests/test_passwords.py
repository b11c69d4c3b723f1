"""Passwords: only the right one matches, equal ones hash differently, weak ones are refused."""

from __future__ import annotations

import pytest

from assistant.errors import InvalidInput
from assistant.passwords import hash_password, matches


def test_only_the_right_password_matches() -> None:
    stored = hash_password("correct horse 电池")
    assert "correct" not in stored
    assert matches("correct horse 电池", stored)
    assert not matches("correct horse 电", stored)
    assert not matches("x" * 100_000, stored)
    assert hash_password("correct horse 电池") != stored


@pytest.mark.parametrize("bad", ["", "short", "x" * 201])
def test_a_password_has_a_sensible_length(bad: str) -> None:
    with pytest.raises(InvalidInput, match="10 to 200"):
        hash_password(bad)
