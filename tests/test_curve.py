"""The loss curve: a page without other hosts, and event files that TensorBoard reads."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from training.curve import curve_page, curve_svg, write_events
from training.loss_points import Point

POINTS = [Point(0, None, 4.0, 0.0), Point(5, 3.5, 3.0, 0.01), Point(10, 2.5, 2.0, 0.005)]


def test_the_curve_spans_the_page_from_the_highest_to_the_lowest_loss() -> None:
    svg = ElementTree.fromstring(curve_svg(POINTS))
    train, validation = (line.attrib["points"].split() for line in svg.iter() if line.tag == "polyline")
    assert len(train) == 2 and len(validation) == 3
    assert validation[0] == "56.0,24.0" and validation[-1] == "696.0,312.0"


def test_one_point_can_be_drawn() -> None:
    assert "polyline" in curve_svg(POINTS[:1])


def test_the_page_escapes_its_title_and_loads_nothing() -> None:
    page = curve_page("<b>run</b>", POINTS)
    assert "&lt;b&gt;run&lt;/b&gt;" in page and "<b>" not in page
    assert "http" not in page and "<script" not in page
    assert "<td>10</td><td>2.5000</td><td>2.0000</td>" in page


def test_tensorboard_reads_the_events_back(tmp_path: Path) -> None:
    write_events(tmp_path, POINTS)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss/validation")] == [(0, 4.0), (5, 3.0), (10, 2.0)]
    assert [e.step for e in events.Scalars("loss/train")] == [5, 10]
