import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.calibration import NAME, Calibration, CalibrationFile, write_calibration

SHIPPED = Calibration(slope=1.0, intercept=0.0, threshold=None, target_error=0.05, cases=50, embedder="e")


@pytest.mark.parametrize("evidence", [0.01, 0.3, 0.5, 0.97])
def test_slope_one_and_no_intercept_change_nothing(evidence: float) -> None:
    assert SHIPPED(evidence) == pytest.approx(evidence)


def test_more_evidence_stays_more_and_nothing_found_stays_nothing() -> None:
    strict = replace(SHIPPED, slope=0.5, intercept=-1.0)
    chances = [strict(n / 10) for n in range(11)]
    assert chances == sorted(chances)
    assert (chances[0], chances[5] < 0.5) == (0.0, True)


def test_what_is_written_serves_at_once(tmp_path: Path) -> None:
    file = CalibrationFile(tmp_path, "e")
    assert (file.current(), file(0.4)) == (None, 0.4)
    write_calibration(tmp_path, replace(SHIPPED, intercept=-2.0))
    assert file(0.5) < 0.2
    write_calibration(tmp_path, replace(SHIPPED, intercept=2.0))
    assert file(0.5) > 0.8
    assert os.listdir(tmp_path) == [NAME]


@pytest.mark.parametrize("text", ["", "[]", '{"slope": 1}', json.dumps({"slope": 1, "more": 2})])
def test_a_damaged_file_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text, encoding="utf-8")
    assert CalibrationFile(tmp_path, "e")(0.4) == 0.4


def test_one_of_another_embedder_is_left_alone(tmp_path: Path) -> None:
    write_calibration(tmp_path, replace(SHIPPED, intercept=-2.0))
    assert CalibrationFile(tmp_path, "other")(0.4) == 0.4
