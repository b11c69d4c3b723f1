"""What a calibration found: as JSON, and as a page with the reliability and the risk-coverage curve in inline SVG.

Knows figures only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from training.calibrate import Fitted

SIZE, EDGE = 320, 40


def calibration_json(fitted: Fitted, applied: bool) -> dict[str, Any]:
    """One JSON-ready object; `applied`: whether it serves now."""
    return {
        "applied": applied,
        "cases": fitted.calibration.cases,
        "auroc": round(fitted.auroc, 4),
        "calibration_error": {"before": round(fitted.error_before, 4), "after": round(fitted.error_after, 4)},
        "target_error": fitted.calibration.target_error,
        "threshold": fitted.calibration.threshold,
        "slope": fitted.calibration.slope,
        "intercept": fitted.calibration.intercept,
        "reliability": [asdict(one) for one in fitted.reliability],
        "risk_coverage": [asdict(one) for one in fitted.risks],
    }


def calibration_page(fitted: Fitted) -> str:
    """A self-contained HTML page; no script, no other host."""
    threshold = fitted.calibration.threshold
    said = "No threshold stays within it." if threshold is None else f"Answer from {threshold:.2f} on."
    reliability = chart([(one.chance, one.right) for one in fitted.reliability], "chance", "share right", diagonal=True)
    risks = chart([(one.coverage, one.error) for one in fitted.risks], "share answered", "share wrong")
    rows = "\n".join(
        f"<tr><td>{one.cases}</td><td>{one.chance:.3f}</td><td>{one.right:.3f}</td></tr>" for one in fitted.reliability
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Calibration of the evidence</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem }}
svg {{ width: 100%; max-width: 24rem; height: auto }}
text {{ font: 12px system-ui, sans-serif; fill: currentColor }}
td, th {{ padding: .1rem 1rem .1rem 0; text-align: right }}
.curve {{ stroke: #2f6f5e }}
</style>
<h1>Calibration of the evidence</h1>
<p>{fitted.calibration.cases} judged questions, cross-validated. Expected calibration error {fitted.error_before:.3f}
before, {fitted.error_after:.3f} after. Target: {fitted.calibration.target_error:.0%} wrong answers. {said}</p>
<h2>Reliability</h2>
{reliability}
<h2>Risk and coverage</h2>
{risks}
<table><tr><th>cases</th><th>mean chance</th><th>share right</th></tr>
{rows}
</table>
</html>
"""


def chart(points: Sequence[tuple[float, float]], across: str, up: str, diagonal: bool = False) -> str:
    """Points of the unit square joined by a line, as one SVG element."""
    side = SIZE - 2 * EDGE
    places = [f"{EDGE + side * x:.1f},{EDGE + side * (1 - y):.1f}" for x, y in points]
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3"/>' for x, y in (place.split(",") for place in places))
    ideal = f'<path d="M{EDGE},{EDGE + side}L{EDGE + side},{EDGE}" stroke="#888" stroke-dasharray="4"/>'
    return f"""<svg viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{up} over {across}">
<path d="M{EDGE},{EDGE}V{EDGE + side}H{EDGE + side}" fill="none" stroke="currentColor" opacity=".4"/>
{ideal if diagonal else ""}
<polyline class="curve" fill="none" stroke-width="2" points="{" ".join(places)}"/>
<g fill="#2f6f5e">{dots if len(points) <= 20 else ""}</g>
<text x="{EDGE - 8}" y="{EDGE + 4}" text-anchor="end">1</text>
<text x="{EDGE - 8}" y="{EDGE + side}" text-anchor="end">0</text>
<text x="{EDGE + side}" y="{EDGE + side + 16}" text-anchor="end">1</text>
<text x="{EDGE}" y="{SIZE - 8}">{across}</text><text x="{EDGE}" y="{EDGE - 12}">{up}</text>
</svg>"""
