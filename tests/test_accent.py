"""Any accent colour becomes readable on light and dark pages."""

from __future__ import annotations

import pytest

from ui.accent import DARK_SURFACE, LIGHT_SURFACE, READABLE, contrast, dark, light

COLORS = ("#2f6f5e", "#ffee00", "#000000", "#ffffff", "#ff0000", "#0000ff", "#808080", "#1d2020")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("color", COLORS)
def test_text_in_the_accent_and_on_it_can_be_read(color: str) -> None:
    for accent, surface in ((light(color), LIGHT_SURFACE), (dark(color), DARK_SURFACE)):
        assert contrast(accent.color, surface) >= READABLE
        assert contrast(accent.on_color, accent.color) >= READABLE


def test_a_readable_accent_is_left_as_it_is() -> None:
    assert light("#2f6f5e").color == "#2f6f5e"
    assert dark("#ffee00").color == "#ffee00"
