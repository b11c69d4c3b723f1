"""The one accent colour, made readable on light and on dark pages whatever colour was chosen.

Knows contrast as WCAG 2 defines it; nothing of pages.
"""

from __future__ import annotations

from dataclasses import dataclass

READABLE = 4.5  # WCAG 2 AA for text
LIGHT_SURFACE = "#ffffff"
DARK_SURFACE = "#1d2020"
BLACK, WHITE = "#10100f", "#ffffff"


@dataclass(frozen=True, slots=True)
class Accent:
    """Six-digit hex colours: `color` is readable on the page's surface, `on_color` upon `color`."""

    color: str
    on_color: str


def light(color: str) -> Accent:
    """The accent for light pages, from `#rrggbb`."""
    return _accent(color, LIGHT_SURFACE, BLACK)


def dark(color: str) -> Accent:
    """The accent for dark pages, from `#rrggbb`."""
    return _accent(color, DARK_SURFACE, WHITE)


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio, 1..21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _accent(color: str, surface: str, towards: str) -> Accent:
    readable = next(c for c in _steps(color, towards) if contrast(c, surface) >= READABLE)
    return Accent(readable, max((WHITE, BLACK), key=lambda c: contrast(readable, c)))


def _steps(color: str, towards: str) -> list[str]:
    """From `color` to `towards` in 5 % steps."""
    a, b = _rgb(color), _rgb(towards)
    mixes = [[round(x + (y - x) * step / 20) for x, y in zip(a, b, strict=True)] for step in range(21)]
    return ["#{:02x}{:02x}{:02x}".format(*mix) for mix in mixes]


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _rgb(color))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
