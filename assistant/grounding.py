"""Is each sentence of a reply supported by a cited passage? Decides word by word while the reply streams.

Lexical and deliberately strict: a sentence stands when one passage holds its numbers, names, nearly all of its
content words, and the same polarity. Knows nothing of models, retrieval or storage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant.conversation import Citation
from retrieval.documents import Hit, Passage

COVERAGE = 0.75  # share of a sentence's content words that its passage (or the question) must hold
FROM_PASSAGE = 0.5  # share that the passage alone must hold

_TOKEN = re.compile(
    r"https?://[^\s<>()]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\d+(?:[.,:/-]\d+)*|[^\W\d_㐀-鿿]+(?:['’][^\W\d_]+)?|[㐀-鿿]+"
)
_ENDS = re.compile(
    r"(?<!\b[A-Za-z])(?<!\be\.g)(?<!\bi\.e)(?<!\bNo)(?<!\bMr)(?<!\bDr)[.!?][\"”')\]]*(?=\s)|[。！？]+[”」』]?|\n+"
)

_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
} | {"fourteen": "14", "fifteen": "15", "twenty": "20", "thirty": "30", "sixty": "60", "ninety": "90"}
_NEGATION = frozenset("not no never cannot without none neither nor unable unfortunately except unless".split())
_NEGATION_ZH = re.compile(r"不(?:能|可|会|是|支持|接受|提供|得|予|需|用|收)|没有|无法|未|禁止|除外|谢绝")
# Chinese function words part a run of characters; what stands between them is read as pairs of characters.
_GLUE_ZH = re.compile(
    r"可以|不能|不可以|不会|能够|我们|您的|你的|您|你|我|请问|请|谢谢|抱歉|吗|呢|吧|啊|的|了|是|会|能|在|和|与|或|及|也|都|就|还|把|被"
    r"|对|从|到|为|以|于|后|内|前|这|那|个|如果|因为|所以|但是|需要|进行|什么|怎么|如何|多少|没有|不"
)
# Words that carry no fact of their own: function words and the manners of service.
_GLUE = frozenset(
    """
    a an and are as at be been being but by can could did do does doing for from had has have having he her here hers
    him his how i if in into is it its itself just me more most my of off on once only or other our ours out over own
    same she should so some such than that the their theirs them then there these they this those through to too under
    until up us very was we were what when where which while who whom why will with would you your yours yourself
    may might must shall also any all both each about after again before between during further because however
    either whether via per let yes yeah ok okay sure please thank thanks thankyou sorry apologize apologies hello hi
    dear glad happy welcome help assist assistance question questions know like need want wish feel hope else anything
    something able well great good certainly course absolutely indeed really currently information available answer
    best regards kind kindly understand appreciate according make sure get got use using used take go see hear
    customer agent service inquiry enquiry concern assure simply generally usually typically following based
    """.split()
)


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    """A light English stem: enough to match inflections, not to be a word."""
    for suffix, keep in (("ization", 4), ("ations", 3), ("ation", 3), ("ing", 3), ("ies", 2), ("ed", 3), ("ly", 4)):
        if word.endswith(suffix) and len(word) - len(suffix) >= keep:
            word = word[: -len(suffix)]
            break
    else:
        if word.endswith("es") and len(word) > 4:
            word = word[:-2]
        elif word.endswith("s") and not word.endswith("ss") and len(word) > 3:
            word = word[:-1]
    word = word[:-1] if word.endswith(("e", "y", "i")) and len(word) > 3 else word
    return word[:-1] if len(word) > 4 and word[-1] == word[-2] else word


@dataclass(frozen=True, slots=True)
class Claim:
    """What a piece of text asserts: its facts (numbers, addresses), names, content words and polarity."""

    facts: frozenset[str]
    names: frozenset[str]
    words: tuple[str, ...]
    negative: bool


def _normal_number(text: str) -> str:
    return text.replace(",", "").lstrip("0").rstrip(".") or "0"


def read(text: str) -> Claim:
    """Take a text apart into what has to be supported."""
    facts: set[str] = set()
    names: set[str] = set()
    words: list[str] = []
    start = True
    negative = bool(_NEGATION_ZH.search(text))
    for match in _TOKEN.finditer(text):
        token = match[0]
        lower = token.lower().replace("’", "'")
        first, start = start, text[match.end() : match.end() + 1] in ".!?:\n"
        if token[0].isdigit():
            facts.add(_normal_number(token))
        elif "@" in token or lower.startswith("http"):
            facts.add(lower.rstrip(".,;/"))
        elif "㐀" <= token[0] <= "鿿":
            for run in filter(None, _GLUE_ZH.split(token)):
                words += [run[i : i + 2] for i in range(max(1, len(run) - 1))]
        elif lower in _NUMBERS and lower != "one":
            facts.add(_NUMBERS[lower])
        elif lower in _NEGATION or lower.endswith("n't"):
            negative = True
        elif (plain := lower.split("'")[0]) not in _GLUE and len(plain) > 1:
            words.append(_stem(plain))
            if token[0].isupper() and not first:
                names.add(_stem(plain))
    return Claim(frozenset(facts), frozenset(names), tuple(words), negative)


def sentences(text: str) -> list[str]:
    """Sentences of a text in order; English and Chinese ends, and line breaks."""
    parts, begin = [], 0
    for match in _ENDS.finditer(text):
        parts.append(text[begin : match.end()])
        begin = match.end()
    parts.append(text[begin:])
    return [part.strip() for part in parts if part.strip()]


def _whole(passage: Passage) -> str:
    """Everything a passage says, its headings and question included."""
    head = (passage.title, *passage.heading_path, passage.entity or "", passage.question or "")
    return "\n".join((*head, passage.text))


@dataclass(frozen=True, slots=True)
class Source:
    """A passage made ready for checking."""

    passage: Passage
    facts: frozenset[str]
    words: frozenset[str]
    sentences: tuple[tuple[str, Claim], ...]

    @classmethod
    def of(cls, passage: Passage) -> Source:
        """Take the passage apart once per turn."""
        whole = read(_whole(passage))
        parts = tuple((part, read(part)) for part in sentences(passage.text))
        return cls(passage, whole.facts, frozenset(whole.words), parts)

    def best_sentence(self, claim: Claim) -> tuple[str, Claim]:
        """The passage's sentence that shares most with the claim."""

        def shared(part: tuple[str, Claim]) -> tuple[int, int]:
            common = len(part[1].facts & claim.facts) * 3 + len(set(part[1].words) & set(claim.words))
            return common, -len(part[1].words)

        return max(self.sentences, key=shared, default=(self.passage.text, read(self.passage.text)))


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
    """Checks the sentences of one reply against the passages shown to the model."""

    def __init__(self, conversation: str, hits: Sequence[Hit]) -> None:
        self.sources = [Source.of(hit.passage) for hit in hits]
        asked = read(conversation)
        self.asked = frozenset(asked.words)
        self.known = self.asked.union(*(source.words for source in self.sources))
        self.facts = frozenset[str]().union(*(source.facts for source in self.sources))

    def harmless(self, text: str) -> bool:
        """May these words be shown before their sentence is complete: is each one known from somewhere?"""
        claim = read(text)
        return claim.facts <= self.facts and all(word in self.known for word in claim.words)

    def support(self, sentence: str) -> Citation | None:
        """The citation that supports the sentence, or None."""
        claim = read(sentence)
        best: tuple[float, Citation] | None = None
        for source in self.sources:
            if not self._supported(claim, source):
                continue
            quote, said = source.best_sentence(claim)
            if said.negative != claim.negative and not sentence.rstrip().endswith(("?", "？")):
                continue
            score = len(set(claim.words) & set(said.words)) / (len(set(claim.words)) or 1)
            if best is None or score > best[0]:
                best = (score, citation(source.passage, quote))
        return best[1] if best else None

    def _supported(self, claim: Claim, source: Source) -> bool:
        words = set(claim.words)
        if not claim.facts <= source.facts or not claim.names <= source.words | self.asked:
            return False
        inside = len(words & source.words)
        covered = len(words & (source.words | self.asked))
        return inside >= FROM_PASSAGE * len(words) and covered >= COVERAGE * len(words)


def says_nothing(sentence: str) -> bool:
    """A pleasantry or a question back: no fact, so nothing to support."""
    claim = read(sentence)
    if claim.facts:
        return False
    return not claim.words or (sentence.rstrip().endswith(("?", "？")) and not claim.names)


class GroundedStream:
    """Lets a reply through as far as it is grounded.

    Feed it the model's pieces and show what `feed` returns. Words appear at once while each is known from the
    passages or the conversation; from the first unknown word on the rest of the sentence waits for its verdict.
    After `failed` is set nothing more comes out and the caller stops the model.
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
        while self.failed is None and (end := _ENDS.search(self._sentence)):
            out += self._close(end.end())
        return out if self.failed is not None else out + self._show_words()

    def finish(self) -> str:
        """The model is done: judge what is left."""
        return self._close(len(self._sentence)) if self.failed is None and self._sentence else ""

    @property
    def text(self) -> str:
        """The sentences that stand."""
        return "".join(self.accepted).strip()

    def _show_words(self) -> str:
        """Whole words of the running sentence, as far as all of it is known."""
        cut = max(self._sentence.rfind(" "), self._last_chinese())
        if cut <= self._shown or not self.grounding.harmless(self._sentence[:cut]):
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
        if repeated or (plain and found is None and not says_nothing(plain)):
            self.failed = plain
            return ""
        if found and found not in self.citations:
            self.citations.append(found)
        self.accepted.append(sentence)
        out = sentence[self._shown :]
        self._sentence, self._shown = rest, 0
        return out


def share_supported(text: str, passages: Iterable[Passage], conversation: str = "") -> float:
    """Share of the fact-bearing sentences of `text` that the passages support; 1.0 when it states nothing."""
    grounding = Grounding(conversation, [Hit(passage, 1.0) for passage in passages])
    stated = [sentence for sentence in sentences(text) if not says_nothing(sentence)]
    return sum(grounding.support(s) is not None for s in stated) / len(stated) if stated else 1.0
