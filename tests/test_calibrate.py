import numpy as np
import pytest

from assistant.errors import InvalidInput
from training.calibrate import fit, reliability, risk_curve, threshold_for
from training.calibration_report import calibration_json, calibration_page


def overconfident(cases: int = 200) -> tuple[list[float], list[bool]]:
    """Evidence that claims too much: what it says is nearly always a third too high."""
    chance = np.random.default_rng(0)
    evidence = chance.uniform(0.05, 0.99, cases)
    return evidence.tolist(), (chance.uniform(size=cases) < evidence**2).tolist()


@pytest.mark.parametrize(("right", "wrong"), [(0, 0), (20, 15), (100, 9), (9, 100)])
def test_too_few_cases_are_refused_with_the_number_needed(right: int, wrong: int) -> None:
    evidence = [0.5] * (right + wrong)
    with pytest.raises(InvalidInput, match=r"at least 40, and 10 of each kind\. Nothing was changed"):
        fit(evidence, [True] * right + [False] * wrong, 0.05, "e")


def test_overconfident_evidence_becomes_truer_and_keeps_its_order() -> None:
    fitted = fit(*overconfident(), 0.1, "e")
    assert fitted.gains
    assert fitted.error_after < fitted.error_before
    assert fitted.calibration(0.5) < 0.45
    assert fitted.calibration(0.9) > fitted.calibration(0.6)
    assert (fitted.calibration.cases, fitted.calibration.embedder) == (200, "e")


def test_evidence_that_is_right_already_is_hardly_changed() -> None:
    chance = np.random.default_rng(1)
    evidence = chance.uniform(0.02, 0.98, 400)
    fitted = fit(evidence.tolist(), (chance.uniform(size=400) < evidence).tolist(), 0.1, "e")
    assert fitted.calibration(0.5) == pytest.approx(0.5, abs=0.08)
    assert fitted.calibration.slope == pytest.approx(1.0, abs=0.2)


def test_the_risk_curve_counts_what_is_answered_from_each_threshold_on() -> None:
    risks = risk_curve(np.array([0.9, 0.2, 0.6, 0.6]), np.array([True, False, True, False]))
    assert [(one.threshold, one.coverage) for one in risks] == [(0.9, 0.25), (0.6, 0.75), (0.2, 1.0)]
    assert [round(one.error, 3) for one in risks] == [0.0, 0.333, 0.5]


def test_the_threshold_answers_most_within_the_target() -> None:
    risks = risk_curve(np.array([0.9, 0.8, 0.7, 0.2]), np.array([True, True, False, True]))
    assert threshold_for(risks, 0.0) == 0.8
    assert threshold_for(risks, 0.25) == 0.2
    assert threshold_for(risk_curve(np.array([0.9]), np.array([False])), 0.05) is None


def test_reliability_has_one_bin_a_tenth_with_cases() -> None:
    bins = reliability(np.array([0.05, 0.07, 0.95, 1.0]), np.array([False, True, True, True]))
    assert [(one.cases, one.right) for one in bins] == [(2, 0.5), (2, 1.0)]


def test_the_report_shows_both_curves_and_the_same_figures() -> None:
    fitted = fit(*overconfident(), 0.1, "e")
    found, page = calibration_json(fitted, True), calibration_page(fitted)
    assert found["applied"] and found["cases"] == 200
    assert found["calibration_error"]["after"] == round(fitted.error_after, 4)
    assert page.count("<svg") == 2 and "http" not in page and "<script" not in page
    assert f"{fitted.error_before:.3f}" in page
