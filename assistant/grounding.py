"""Is each sentence of a reply supported by a cited passage? Decides word by word while the reply streams.

Lexical and deliberately strict: a sentence stands only when one single sentence of a passage, with its headings, holds
every number and content word of it, in the same polarity and with the same limits. Knows nothing of models or storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assistant.claims import Claim, begins_function_word, first_end, read, sentences
from assistant.conversation import Citation
from retrieval.documents import Hit, Passage

SUBSTANCE = 2  # content words a statement has at least, numbers apart; for Chinese, pairs of characters


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of a passage, taken apart."""

    text: str
    claim: Claim

    def supports(self, claim: Claim, about: frozenset[str], coverage: float) -> bool:
        """Does this sentence say it? `about` are the words of the passage's headings, which it may lean on."""
        if not claim.facts <= self.claim.facts or claim.negative != self.claim.negative:
            return False
        if len(claim.words & (self.claim.words | about)) < coverage * len(claim.words):
            return False
        if not claim.facts:
            return bool(claim.words & self.claim.words)
        if _after_figures(claim) & about - self.claim.words:
            return False  # "within 5 days of your return" is not "within 5 days of its arrival", under "Returns"
        return self.claim.limits & _NUMERIC <= claim.limits and self._same_pairing(claim)

    def _same_pairing(self, claim: Claim) -> bool:
        """Where several numbers stand, does each stay with its words: same order, and no number skipped between?"""
        if len(self.claim.facts) == 1:
            return True
        at = -1
        for token in claim.order:
            if token not in self.claim.order:
                continue
            try:
                found = self.claim.order.index(token, at + 1)
            except ValueError:
                return False
            if at >= 0 and any(skipped in self.claim.facts for skipped in self.claim.order[at + 1 : found]):
                return False
            at = found
        return True


def _after_figures(claim: Claim) -> frozenset[str]:
    """What follows the first figure: it says what the figure is counted from or for."""
    first = next(at for at, token in enumerate(claim.order) if token in claim.facts)
    return frozenset(claim.order[first:]) - claim.facts


# Limits that change what a number means; the others bind words.
_NUMERIC = frozenset(
    "most least up maximum minimum max min over under above below than per each from additional extra".split()
)


@dataclass(frozen=True, slots=True)
class Source:
    """A passage made ready for checking."""

    passage: Passage
    about: frozenset[str]  # words of its headings, question and subject
    heads: frozenset[str]  # those lines themselves: a model likes to repeat them
    said: tuple[Said, ...]

    @classmethod
    def of(cls, passage: Passage) -> Source:
        """Take the passage apart once per turn."""
        head = [passage.title, *passage.heading_path, passage.entity or "", passage.question or ""]
        said = tuple(Said(part, read(part)) for part in sentences(passage.text))
        return cls(passage, read("\n".join(head)).words, frozenset(_bare(line) for line in head if line), said)


def _bare(line: str) -> str:
    return line.casefold().strip(" #*:?.!？。！：")


def citation(passage: Passage, quote: str) -> Citation:
    """Cite `quote`, words that stand in the passage."""
    return Citation(
        document_id=passage.document_id,
        passage_id=passage.id,
        quote=quote,
        title=passage.title,
        path=passage.path,
        heading_path=passage.heading_path,
        page=passage.page,
        row=passage.row,
        url=passage.url,
    )


class Grounding:
    """Checks the sentences of one reply against the passages shown to the model.

    `coverage` is the share of a sentence's content words that its source must hold; `question` what was asked.
    """

    def __init__(self, hits: Sequence[Hit], coverage: float = 1.0, question: str = "") -> None:
        self.sources = [Source.of(hit.passage) for hit in hits]
        self.coverage = coverage
        self._question = _bare(question)

    def harmless(self, text: str, begun: str = "") -> bool:
        """May these words be shown before their sentence is complete? Only without numbers and out of one source.

        `begun`: the first letters of the next word, which a word of the same sentence or a function word must have.
        """
        claim = read(text)
        if claim.facts or read(begun).facts:
            return False
        start = begun.casefold()
        free = not start or begins_function_word(start)
        return any(
            claim.words <= said.claim.words | source.about and (free or f" {start}" in f" {said.text.casefold()}")
            for source in self.sources
            for said in source.said
        )

    def only_repeats(self, line: str) -> bool:
        """Is the line only a heading or question of a passage, or what the customer asked?"""
        bare = _bare(line)
        return bare == self._question or any(bare in source.heads for source in self.sources)

    def support(self, sentence: str) -> Citation | None:
        """The citation that supports the sentence, or None; a fragment such as "24 hours" does not say of what."""
        claim = read(sentence)
        if len(claim.words) < SUBSTANCE:
            return None
        best: tuple[float, Citation] | None = None
        for source in self.sources:
            for said in source.said:
                if not said.supports(claim, source.about, self.coverage):
                    continue
                score = len(claim.words & said.claim.words) / (len(claim.words) or 1)
                if best is None or score > best[0]:
                    best = (score, citation(source.passage, said.text))
        return best[1] if best else None


def says_nothing(sentence: str) -> bool:
    """A pleasantry or a question to the customer: no fact, so nothing to support."""
    claim = read(sentence)
    asks = sentence.rstrip().endswith(("?", "？")) and any(you in sentence.lower() for you in ("you", "您", "你"))
    return not claim.facts and (not claim.words or asks)


class GroundedStream:
    """Lets a reply through as far as it is grounded.

    Feed it the model's pieces and show what `feed` returns. Words appear at once, the last one as far as it is known,
    while one sentence of a passage holds them all; from the first number or other word on the rest of the sentence
    waits for its verdict. After `failed` is set nothing more comes out and the caller stops the model.
    """

    def __init__(self, grounding: Grounding) -> None:
        self.grounding = grounding
        self.accepted: list[str] = []  # whole sentences that stand, with their spacing
        self.citations: list[Citation] = []
        self.failed: str | None = None  # the first sentence that does not stand
        self._sentence = ""  # the running sentence
        self._shown = 0  # characters of it that are already out

    def feed(self, piece: str) -> str:
        """Take the model's next piece; returns text to show now."""
        if self.failed is not None:
            return ""
        self._sentence += piece
        out = ""
        while self.failed is None and (end := first_end(self._sentence)) is not None:
            out += self._close(end)
        return out if self.failed is not None else out + self._show_words()

    def finish(self) -> str:
        """The model is done: judge what is left."""
        return self._close(len(self._sentence)) if self.failed is None and self._sentence else ""

    @property
    def text(self) -> str:
        """The sentences that stand."""
        return "".join(self.accepted).strip()

    def _show_words(self) -> str:
        """The running sentence as far as all of it is known."""
        cut = max(self._sentence.rfind(" "), self._last_chinese())
        begun = self._sentence[cut:].strip()
        if begun.isascii() and begun.isalpha() and self.grounding.harmless(self._sentence[: max(cut, 0)], begun):
            cut = len(self._sentence)
        elif cut <= self._shown or not self.grounding.harmless(self._sentence[:cut]):
            return ""
        out, self._shown = self._sentence[self._shown : cut], cut
        return out

    def _last_chinese(self) -> int:
        """Chinese has no spaces: a word is taken as complete two characters later."""
        return len(self._sentence) - 2 if self._sentence and "㐀" <= self._sentence[-1] <= "鿿" else -1

    def _close(self, end: int) -> str:
        """Judge the running sentence, which ends at `end`."""
        sentence, rest = self._sentence[:end], self._sentence[end:]
        plain = sentence.strip()
        repeated = plain and any(plain == earlier.strip() for earlier in self.accepted)
        found = None if not plain or says_nothing(plain) else self.grounding.support(plain)
        if plain and self.grounding.only_repeats(plain):
            self._sentence, self._shown = rest, 0
            return ""
        if repeated or (plain and found is None and not says_nothing(plain)):
            self.failed = plain
            return ""
        if found and found not in self.citations:
            self.citations.append(found)
        self.accepted.append(sentence)
        out = sentence[self._shown :]
        self._sentence, self._shown = rest, 0
        return out


def share_supported(text: str, passages: Iterable[Passage], coverage: float = 1.0) -> float:
    """Share of the fact-bearing sentences of `text` that the passages support; 1.0 when it states nothing."""
    grounding = Grounding([Hit(passage, 1.0) for passage in passages], coverage)
    stated = [sentence for sentence in sentences(text) if not says_nothing(sentence)]
    return sum(grounding.support(s) is not None for s in stated) / len(stated) if stated else 1.0
