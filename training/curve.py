"""The loss curve of a run: as a page of inline SVG, and as TensorBoard event files.

Knows measured points only.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from training.loss_points import Point

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 360, 56, 24, 24, 48


def curve_page(title: str, points: Sequence[Point]) -> str:
    """A self-contained HTML page with the curve and its figures; no script, no other host."""
    rows = "\n".join(
        f"<tr><td>{point.step}</td><td>{_number(point.train_loss)}</td><td>{point.validation_loss:.4f}</td></tr>"
        for point in points
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem }}
svg {{ width: 100%; height: auto }}
text {{ font: 12px system-ui, sans-serif; fill: currentColor }}
td, th {{ padding: .1rem 1rem .1rem 0; text-align: right }}
.train {{ stroke: #888 }} .validation {{ stroke: #2f6f5e }}
</style>
<h1>{escape(title)}</h1>
{curve_svg(points)}
<table><tr><th>step</th><th>training loss</th><th>validation loss</th></tr>
{rows}
</table>
</html>
"""


def curve_svg(points: Sequence[Point]) -> str:
    """Training and validation loss (nats a token) over steps, as one SVG element."""
    last = max(point.step for point in points) or 1
    losses = [loss for p in points for loss in (p.train_loss, p.validation_loss) if loss is not None]
    low, high = min(losses), max(losses)
    room = (high - low) or 1.0

    def place(step: int, loss: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / last
        y = TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / room
        return f"{x:.1f},{y:.1f}"

    def line(kind: str, places: list[str]) -> str:
        return f'<polyline class="{kind}" fill="none" stroke-width="2" points="{" ".join(places)}"/>'

    train = [place(p.step, p.train_loss) for p in points if p.train_loss is not None]
    validation = [place(p.step, p.validation_loss) for p in points]
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    return f"""<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Loss over steps">
<path d="M{LEFT},{TOP}V{bottom}H{right}" fill="none" stroke="currentColor" opacity=".4"/>
{line("train", train)}
{line("validation", validation)}
<text x="4" y="{TOP + 4}">{high:.2f}</text><text x="4" y="{bottom}">{low:.2f}</text>
<text x="{LEFT}" y="{bottom + 18}">0</text><text x="{right}" y="{bottom + 18}" text-anchor="end">step {last}</text>
<text x="{LEFT}" y="{HEIGHT - 8}">loss a token: grey on training batches, green on held-out replies</text>
</svg>"""


def write_events(folder: Path, points: Sequence[Point]) -> None:
    """Write the points as TensorBoard event files into `folder`."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))
    for point in points:
        values = {
            "loss/train": point.train_loss,
            "loss/validation": point.validation_loss,
            "learning_rate": point.learning_rate,
        }
        for name, value in values.items():
            if value is not None:
                writer.add_scalar(name, value, point.step)
    writer.close()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
