"""`assistant calibrate`: fit the evidence to what a team judged right and wrong.

Knows how the result looks in the terminal and where it is written; the work is done in `training`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from assistant.settings import Settings
from ui.batch import print_json
from ui.cli_answers import AsJson, out


def calibrate(
    context: typer.Context,
    cases: Annotated[
        Path | None,
        typer.Option("--cases", help="JSONL: query or messages, answerable, documents; else the store's judgements."),
    ] = None,
    target_error: Annotated[
        float, typer.Option("--target-error", min=0.0, max=1.0, help="Share of answers that may be wrong.")
    ] = 0.05,
    as_json: AsJson = False,
) -> None:
    """Fit evidence and threshold to thumbs, reviews, or labelled questions; too few of them change nothing."""
    from assistant.calibration import write_calibration
    from assistant.learned_models import fingerprint
    from assistant.wiring import build_raw_retriever
    from training.calibrate import fit
    from training.calibration_report import calibration_json, calibration_page
    from training.judged_questions import evidence_of, from_file, from_store
    from ui.cli_understanding import opened

    settings: Settings = context.obj
    if cases is None:
        with opened(settings) as store:
            judged = from_store(store)
    else:
        judged = from_file(cases)
    retriever = build_raw_retriever(settings)
    pairs = evidence_of(retriever, judged) if judged else []
    fitted = fit(
        [one for one, _ in pairs], [right for _, right in pairs], target_error, fingerprint(retriever.embedder)
    )
    found = calibration_json(fitted, fitted.gains)
    report = settings.home / "calibration.html"
    report.write_text(calibration_page(fitted), encoding="utf-8")
    report.with_name("calibration-report.json").write_text(json.dumps(found, indent=2), encoding="utf-8")
    if fitted.gains:
        write_calibration(settings.home, fitted.calibration)
    if as_json:
        print_json(found | {"report": str(report)})
        return
    out.print(
        f"{len(pairs)} judged questions. Expected calibration error {fitted.error_before:.3f} before, "
        f"{fitted.error_after:.3f} after (cross-validated)."
    )
    threshold = fitted.calibration.threshold
    if not fitted.gains:
        out.print("That is no gain on questions it was not fitted on: nothing was changed.")
    elif threshold is None:
        out.print(f"No threshold keeps wrong answers within {target_error:.0%}: the setting answer_evidence stays.")
    else:
        out.print(f"Answers come from an evidence of {threshold:.2f} on, for at most {target_error:.0%} wrong ones.")
    out.print(f"Curves: {report}", soft_wrap=True)
