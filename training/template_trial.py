"""Is a template better than what the assistant would write? Both reply to held-out questions that the template fits.

The yardstick is what people replied there. Knows templates, cases and scores; nothing of how templates are mined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from assistant.settings import Settings
from assistant.store import Store
from assistant.store_templates import Template
from assistant.templates import Fitting, shelf
from assistant.turn import Assistant
from retrieval.by_script import Reads
from training.cases import Case, cases_of
from training.curate import curate
from training.evaluate import Answered, CaseScore, TurnAnswerer, evaluate, score_cases
from training.held_out import is_held_out
from training.logs import curation_rules, stored_logs
from training.scores import Interval, paired_interval

FEWEST = 5  # questions a template must fit before it is judged

Pair = tuple[CaseScore, CaseScore]  # of the template and of the assistant's own reply, on one case
Verdict = Literal["better", "worse", "no difference shown", "too few questions"]


@dataclass(frozen=True, slots=True)
class TemplateTrial:
    """A template's replies less the assistant's own, in ROUGE-L and similarity to what people replied."""

    template_id: str
    questions: int
    rouge_l: Interval | None  # None: it fits no question
    similarity: Interval | None
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        spans = {"rougeL": self.rouge_l, "similarity": self.similarity}
        shown = {name: [span.mean, span.low, span.high] if span else None for name, span in spans.items()}
        return {"template": self.template_id, "questions": self.questions, "verdict": self.verdict, **shown}


def held_out_cases(store: Store, settings: Settings) -> list[Case]:
    """What people replied in stored conversations that templates are not mined from."""
    logs = (logged for logged in stored_logs(store) if is_held_out(logged.key, settings.held_out_share))
    return cases_of(curate(logs, curation_rules(settings)).examples)


async def try_templates(
    assistant: Assistant,
    templates: Sequence[Template],
    cases: Sequence[Case],
    moment: datetime,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[TemplateTrial]:
    """Each template on the cases it would be served for, against the whole turn without templates."""
    fitting = _fitting(assistant, templates, cases, moment)
    asked = [case for case in cases if case.id in fitting]
    if not asked:
        return [_trial(template, []) for template in templates]
    without = TurnAnswerer(replace(assistant, listener=None))
    embedder = assistant.retriever.embedder
    card = await evaluate(without, asked, embedder, adapter="serving", progress=lambda done: progress(done, len(asked)))
    written = score_cases(asked, [Answered(fitting[case.id].text, 0.0) for case in asked], embedder)
    pairs: dict[str, list[Pair]] = {template.id: [] for template in templates}
    for case, ours, theirs in zip(asked, written, card.cases, strict=True):
        pairs[fitting[case.id].template.id].append((ours, theirs))
    return [_trial(template, pairs[template.id]) for template in templates]


def _fitting(
    assistant: Assistant, templates: Sequence[Template], cases: Sequence[Case], moment: datetime
) -> Mapping[str, Fitting]:
    """Which template would be served for which case, by the rules that serve."""
    embedder: Reads = assistant.listener.embedder if assistant.listener else assistant.retriever.embedder
    settings = assistant.settings
    questions = [question for template in templates for question in template.questions]
    vectors = dict(zip(questions, embedder.encode_queries(questions), strict=True)) if questions else {}
    known = shelf(templates, vectors, embedder.dimension)
    values = {"company": settings.company, **settings.template_values}
    found = {}
    for case, vector in zip(cases, embedder.encode_queries([c.messages[-1].content for c in cases]), strict=True):
        fits = known.fitting(
            vector, case.language, None, moment=moment, values=values, least=settings.template_similarity
        )
        if fits is not None:
            found[case.id] = fits
    return found


def _trial(template: Template, pairs: Sequence[Pair]) -> TemplateTrial:
    if not pairs:
        return TemplateTrial(template.id, 0, None, None, "too few questions")
    ours, theirs = zip(*pairs, strict=True)
    rouge_l = paired_interval([s.rouge.rougeL for s in ours], [s.rouge.rougeL for s in theirs])
    similarity = paired_interval([s.similarity for s in ours], [s.similarity for s in theirs])
    return TemplateTrial(template.id, len(ours), rouge_l, similarity, _verdict(len(ours), rouge_l, similarity))


def _verdict(questions: int, *gains: Interval) -> Verdict:
    """Better when one measure says so beyond chance and none the contrary; worse likewise."""
    if questions < FEWEST:
        return "too few questions"
    up, down = any(gain.low > 0 for gain in gains), any(gain.high < 0 for gain in gains)
    if up == down:
        return "no difference shown"
    return "better" if up else "worse"
