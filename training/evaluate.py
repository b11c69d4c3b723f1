"""Score replies on held-out cases: the same rendering, model and limits that serve, against what people replied.

Knows answerers, cases and scores; nothing of adapters' files or of promotion.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from assistant.claims import sentences
from assistant.engines import Engine, Sampling
from assistant.grounding import says_nothing, share_supported
from assistant.phrases import phrases
from assistant.prompt import render
from assistant.settings import Settings
from assistant.turn import Assistant
from assistant.writing import STOP, Writer
from retrieval.embed import Embedder
from training.cases import Case
from training.scores import Interval, Rouge, bleu, chrf, mean_interval, rouge

AT_ONCE = 4  # cases answered together
GROUNDED = 0.6  # share of a sentence's words in one source sentence from which it counts as grounded


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply and the milliseconds it took."""

    text: str
    latency_ms: float


class Answerer(Protocol):
    """Whoever replies to cases."""

    async def answer(self, case: Case) -> Answered:
        """Reply to the last message of the case."""


@dataclass(frozen=True, slots=True)
class ModelAnswerer:
    """The model by itself: prompt, window and limits of the turn, without its grounding check and fall-backs."""

    engine: Engine
    embedder: Embedder
    settings: Settings

    async def answer(self, case: Case) -> Answered:
        """Generate a reply from the case's passages, or from the plain conversation without them."""
        writer = Writer(self.engine, self.embedder, self.settings)
        prompt = render(writer.window(case.messages), writer.fitting(case.hits), self.settings.company, case.language)
        started = time.perf_counter()
        generation = await self.engine.generate(prompt, Sampling(self.settings.max_reply_tokens, 0.0, stop=STOP))
        async with aclosing(generation.pieces) as pieces:
            text = "".join([piece async for piece in pieces])
        return Answered(text.strip(), (time.perf_counter() - started) * 1000)


@dataclass(frozen=True, slots=True)
class TurnAnswerer:
    """The whole turn as customers meet it, on the case's passages or, without any, on the knowledge base."""

    assistant: Assistant

    async def answer(self, case: Case) -> Answered:
        """Take the turn; nothing is stored."""
        started = time.perf_counter()
        reply = await self.assistant.answer_whole(case.messages, case.hits or None)
        return Answered(reply.text, (time.perf_counter() - started) * 1000)


@dataclass(frozen=True, slots=True)
class CaseScore:
    """One case's reply and its scores; `invents` is None for cases that can be answered."""

    id: str
    question: str
    reference: str
    reply: str
    rouge: Rouge
    similarity: float
    groundedness: float | None  # None where no passages were given
    invents: bool | None
    words: int
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Averages over all cases. ROUGE, similarity, groundedness and invention are fractions; BLEU and chrF 0..100."""

    adapter: str
    n: int
    rouge1: float
    rouge2: float
    rougeL: float
    bleu: float
    chrf: float
    similarity: float
    groundedness: float | None
    invention: float | None
    words: float
    perplexity: float | None
    latency_ms: dict[str, float]
    intervals: dict[str, Interval]
    cases: tuple[CaseScore, ...]

    def to_dict(self) -> dict[str, Any]:
        """The contract's JSON object; invention and words, which it does not name, are among its intervals."""
        values = asdict(self)
        for name in ("cases", "invention", "words"):
            del values[name]
        return values


async def evaluate(
    answerer: Answerer,
    cases: Sequence[Case],
    embedder: Embedder,
    *,
    adapter: str,
    perplexity: float | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Scorecard:
    """Answer all cases, a few at a time, and score them. `adapter` names what was evaluated ("base" without one)."""
    gate, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(case: Case) -> Answered:
        nonlocal done
        async with gate:
            answered = await answerer.answer(case)
        done += 1
        progress(done)
        return answered

    answers = await asyncio.gather(*(one(case) for case in cases))
    scored = await asyncio.to_thread(score_cases, cases, answers, embedder)
    return scorecard(scored, adapter, perplexity)


def score_cases(cases: Sequence[Case], answers: Sequence[Answered], embedder: Embedder) -> list[CaseScore]:
    """Scores of each answer against its case."""
    vectors = embedder.encode([text for c, a in zip(cases, answers, strict=True) for text in (c.reply, a.text or " ")])
    nearness = np.einsum("nd,nd->n", vectors[0::2], vectors[1::2])
    return [
        CaseScore(
            id=case.id,
            question=case.messages[-1].content,
            reference=case.reply,
            reply=answered.text,
            rouge=rouge(case.reply, answered.text),
            similarity=float(near),
            groundedness=share_supported(answered.text, case.passages, GROUNDED) if case.passages else None,
            invents=invents(case, answered.text) if case.unanswerable else None,
            words=len(answered.text.split()),
            latency_ms=answered.latency_ms,
        )
        for case, answered, near in zip(cases, answers, nearness, strict=True)
    ]


def invents(case: Case, reply: str) -> bool:
    """Does a reply to an unanswerable case state anything beyond "I don't know"?"""
    unknown = set(sentences(phrases(case.language).dont_know))
    return any(sentence not in unknown and not says_nothing(sentence) for sentence in sentences(reply))


def scorecard(scored: Sequence[CaseScore], adapter: str, perplexity: float | None) -> Scorecard:
    """Averages and intervals of scored cases."""
    references, replies = [s.reference for s in scored], [s.reply for s in scored]
    grounded = [s.groundedness for s in scored if s.groundedness is not None]
    invented = [float(s.invents) for s in scored if s.invents is not None]
    series = {
        "rouge1": [s.rouge.rouge1 for s in scored],
        "rouge2": [s.rouge.rouge2 for s in scored],
        "rougeL": [s.rouge.rougeL for s in scored],
        "similarity": [s.similarity for s in scored],
        "groundedness": grounded,
        "invention": invented,
        "words": [float(s.words) for s in scored],
    }
    intervals = {name: mean_interval(values) for name, values in series.items() if values}
    p50, p95 = np.percentile([s.latency_ms for s in scored], [50, 95])
    return Scorecard(
        adapter=adapter,
        n=len(scored),
        rouge1=intervals["rouge1"].mean,
        rouge2=intervals["rouge2"].mean,
        rougeL=intervals["rougeL"].mean,
        bleu=bleu(references, replies),
        chrf=chrf(references, replies),
        similarity=intervals["similarity"].mean,
        groundedness=intervals["groundedness"].mean if grounded else None,
        invention=intervals["invention"].mean if invented else None,
        words=intervals["words"].mean,
        perplexity=perplexity,
        latency_ms={"p50": round(float(p50), 1), "p95": round(float(p95), 1)},
        intervals=intervals,
        cases=tuple(scored),
    )
