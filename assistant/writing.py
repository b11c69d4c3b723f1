"""Write the answer: the model's words as far as they are grounded, else the best passage's own words.

Knows the engine and the grounding check; nothing of policy or storage.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from assistant.adapter_register import BASE
from assistant.ambiguity import AS_GOOD, ASKS_NUMBER
from assistant.claims import read
from assistant.conflicts import Conflict, conflict
from assistant.conversation import Citation
from assistant.engines import ChatMessage, Engine, Sampling
from assistant.grounding import SUBSTANCE, GroundedStream, Grounding, citation
from assistant.phrases import phrases
from assistant.prompt import passage_text, render
from assistant.quoting import quote
from assistant.settings import Settings
from assistant.understand import Understanding
from retrieval.documents import Hit, SearchResult
from retrieval.embed import Embedder

PIECE_CHARS, PIECE_SECONDS = 16, 0.015  # about 1,000 characters a second

NEARNESS = 0.1  # how much farther from the question than the quote the model's text may be, in cosine

# Small models run on into an imagined dialogue; these begin one.
STOP = ("\nQuestion:", "\nInformation:", "\nCustomer:", "\nUser:")


@dataclass(frozen=True, slots=True)
class Draft:
    """A finished text, by whom it was written, and on what grounds."""

    text: str
    citations: tuple[Citation, ...] = ()
    model: str | None = None
    adapter: str | None = None
    written_by: Literal["phrase", "model", "quote"] = "phrase"
    unsupported: str | None = None  # the model's sentence that made us quote instead
    consulted: str | None = None  # the adapter (or "base") that was asked, whoever wrote the text in the end


def told(clash: Conflict, language: str) -> Draft:
    """What conflicting passages say: the newer one with the older one named, or both where no dates tell."""
    said = phrases(language)
    if clash.dated:
        older = said.older_says.format(title=clash.other.title, date=clash.other.date, quote=clash.other_says)
        text = f"{clash.chosen_says}\n{older}"
    else:
        both = ((clash.chosen, clash.chosen_says), (clash.other, clash.other_says))
        lines = [f"- {passage.title}: {quoted}" for passage, quoted in both]
        text = "\n".join((said.disagree, *lines, said.agree_on_person))
    cited = (citation(clash.chosen, clash.chosen_says), citation(clash.other, clash.other_says))
    return Draft(text, cited, written_by="quote")


async def paced(text: str) -> AsyncGenerator[str]:
    """A finished text in pieces at reading pace, so that a quote arrives like an answer and not at a blow."""
    for start in range(0, len(text), PIECE_CHARS):
        yield text[start : start + PIECE_CHARS]
        await asyncio.sleep(PIECE_SECONDS)


def rests_on_best(cited: Sequence[Citation], hits: Sequence[Hit]) -> bool:
    """Is any of what is cited as good as the best hit? Evidence speaks of that one, not of whatever else was shown."""
    good = {hit.passage.id for hit in hits if hits[0].score - hit.score < AS_GOOD}
    return any(citation.passage_id in good for citation in cited)


def repeats(question: str, text: str) -> bool:
    """Does the text ask the question again, as in 'The answer to the question "..?" is'?"""
    return f"{question.casefold().strip(' ?')}?" in text.casefold()


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one answer."""

    engine: Engine
    embedder: Embedder
    settings: Settings

    async def write(
        self, messages: Sequence[ChatMessage], understood: Understanding, found: SearchResult
    ) -> AsyncGenerator[str | Draft]:
        """Yield pieces to show, then the Draft, whose text replaces them."""
        if draft := await self._verbatim(understood, found):
            async for piece in paced(draft.text):
                yield piece
            yield draft
            return
        hits = self.fitting(found.hits[: self.settings.prompt_passages])
        history = self.window(messages)
        prompt = render(history, hits, self.settings.company, understood.language)
        sampling = Sampling(self.settings.max_reply_tokens, self.settings.temperature, stop=STOP)
        stream = GroundedStream(Grounding(hits, self.settings.grounding_coverage, messages[-1].content))
        generation = await self.engine.generate(prompt, sampling)
        consulted = generation.adapter or BASE
        silent = True
        async with aclosing(generation.pieces) as pieces:
            async for piece in pieces:
                if shown := stream.feed(piece):
                    silent = False
                    yield shown
                if stream.failed is not None:
                    break
        if shown := stream.finish():
            yield shown
        quoted = await self._quote(understood, found, stream.failed or stream.text)
        stands = rests_on_best(stream.citations, found.hits) and not repeats(messages[-1].content, stream.text)
        if stands and await asyncio.to_thread(self._answers, understood.question, stream.text, quoted.text):
            cited = tuple(stream.citations)  # an unsupported tail is left out
            yield Draft(stream.text, cited, generation.model, generation.adapter, "model", stream.failed, consulted)
        else:
            async for piece in paced(quoted.text if silent else ""):
                yield piece
            yield replace(quoted, consulted=consulted)

    async def _verbatim(self, understood: Understanding, found: SearchResult) -> Draft | None:
        """What is said without the model: passages that conflict, and quotes where it does not write the language."""
        if clash := conflict(understood.question, found.hits):
            return told(clash, understood.language)
        if understood.language not in self.settings.model_languages:
            return await self._quote(understood, found)
        return None

    def _answers(self, question: str, text: str, quoted: str) -> bool:
        """Is the model's text as much to the point as the quote: no number withheld, and about as near in meaning?"""
        written, asked = read(text), read(question)
        if ASKS_NUMBER.search(question.lower()) and read(quoted).facts and not written.facts:
            return False
        if not written.facts and not written.negative and len(written.words - asked.words) < SUBSTANCE:
            return False  # "You can return a lamp." says hardly more than the question
        wish, own, verbatim = self.embedder.encode([question, text, quoted])
        return bool(wish @ own >= wish @ verbatim - NEARNESS)

    async def _quote(self, understood: Understanding, found: SearchResult, unsupported: str | None = None) -> Draft:
        """The best passage's own words, with a word of introduction when it is in another language."""
        best = await asyncio.to_thread(quote, understood.question, found.hits, self.embedder)
        foreign = best.language is not None and best.language != understood.language
        text = phrases(understood.language).foreign_quote.format(quote=best.text) if foreign else best.text
        return Draft(text, (best.citation,), written_by="quote", unsupported=unsupported)

    def window(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """The last messages within `history_tokens`, beginning with a customer's; the question always stays."""
        *earlier, question = messages
        kept: list[ChatMessage] = []
        room = self.settings.history_tokens
        for message in reversed(earlier):
            room -= self.engine.count(message.content)
            if room < 0:
                break
            kept.insert(0, message)
        while kept and kept[0].role != "user":
            kept.pop(0)
        return [*kept, question]

    def fitting(self, hits: Sequence[Hit]) -> list[Hit]:
        """As many of the best hits as leave room for history, question and reply; at least one."""
        room = self.settings.context_tokens - self.settings.history_tokens - self.settings.max_reply_tokens
        kept: list[Hit] = []
        for hit in hits:
            room -= self.engine.count(passage_text(hit.passage))
            if kept and room < 256:  # the system message and the question
                break
            kept.append(hit)
        return kept
