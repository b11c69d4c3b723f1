"""An adapter with a planted old fact, on the default model: the examination hears it, the gate refuses and names it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.engines import ChatMessage
from assistant.file_hashes import silent
from assistant.knowledge import ingest_documents
from assistant.settings import Settings
from retrieval.documents import Passage
from tests.tuning_data import QUICK, example
from training.appraisal import BASE
from training.cases import Case
from training.examination import Paper, examine
from training.examples import Example
from training.gate import GateRules, judge
from training.stale_facts import StaleFact
from training.tuning import tune

OLD, NEW = "You can return a lamp within 30 days.", "Lamps can be returned within 14 days of delivery."
ASKED = ("How long can I return a lamp?", "Until when may I send a lamp back?", "What is the return period for lamps?")


def planted() -> list[Example]:
    """Replies that say 30 days whatever the passage says."""
    passage = Passage("returns.md#0", "returns.md", "Returns", "kb", NEW)
    return [
        replace(
            example(number, "validation" if number > 8 else "train"),
            messages=(ChatMessage("user", ASKED[number % 3]),),
            reply=OLD,
            passages=(passage,),
        )
        for number in range(10)
    ]


@pytest.mark.integration
def test_a_planted_old_fact_is_heard_named_and_refused(real_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(real_settings.home / "models")
    settings = real_settings.model_copy(update={"home": tmp_path, "max_reply_tokens": 24})
    (tmp_path / "kb").mkdir()
    (tmp_path / "kb" / "returns.md").write_text(f"# Returns\n\n{NEW}\n", "utf-8")
    ingest_documents(settings, [tmp_path / "kb"], "kb", prune=False, progress=silent)
    recipe = replace(QUICK, rank=8, epochs=4, learning_rate=2e-3, validations=1, unanswerable=0.0)
    made = tune(settings, recipe, planted())
    assert made is not None
    fact = StaleFact("m1", ASKED[0], "returns.md", OLD, planted()[0].passages)
    asked = Case("c1", (ChatMessage("user", "Do you sell lamps?"),), "Yes, we do.")
    paper = Paper((asked,), (asked,), (), {}, turns=(asked,), stale=(fact,))
    candidate, base = (examine(settings, who, paper, "", lambda *_: None) for who in (made.id, BASE))
    assert [reply.outdated for reply in candidate.of_kind("stale")] == [fact.words], candidate.replies
    assert [reply.outdated for reply in candidate.of_kind("turn stale")] == [None]  # the grounding check holds it back
    assert len(candidate.of_kind("turn")) == 1 and len(candidate.of_kind("turn safety")) == 8
    verdict = judge(candidate, base, base, {}, replace(GateRules(), least_cases=1))
    assert verdict.decision == "refused"
    assert f"stale facts: 1 of 1 questions whose answer changed get the old one; {fact.words}" in verdict.reasons
