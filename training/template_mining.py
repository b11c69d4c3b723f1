"""Mine answer templates from logs: where people answered alike questions in nearly the same words again and again.

What differs between those answers becomes a slot; names and other personal data are masked before anything is kept.
Drafts only: a person approves. Knows transcripts and vectors; where drafts are stored is `store_templates.py`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from datasketch import MinHashLSH

from assistant.conversation import Author, Message, Transcript
from assistant.language import language_of
from assistant.privacy import PLACEHOLDER, Masker, MaskRules
from assistant.store_logs import LIVE
from assistant.store_templates import Wording
from assistant.understand import small_talk
from retrieval.by_script import Reads
from retrieval.scripts import is_foreign
from training.near_duplicates import HASHES, sketch

Progress = Callable[[str, int, int | None], None]

SUPPORT = 3  # conversations in which people said nearly the same
ALIKE_REPLIES = 0.6  # share of common pieces of two replies
ALIKE_QUESTIONS = 0.45  # mean cosine of a group's questions to their middle; below it the reply fits anything
NEAR_MIDDLE = 0.4  # cosine of a single question to the middle
FIXED = 0.8  # share of the replies that must have a word for it not to be a slot
MOST_SLOTS = 4
MOST_PAIRS = 20_000
MOST_QUESTIONS = 12
REPLY_CHARACTERS = (40, 1200)  # of Latin text; Chinese says as much with fewer
QUESTION_CHARACTERS = (8, 600)
_IDEOGRAPHS = 2.5  # times as telling as letters

_PIECES = re.compile(r"\[[A-Z]+_\d+\]|\{\w+\}|[\u3400-\u9fff]|\w+|[^\w\s]|\s+")
_GREETED = re.compile(r"^(hi|hello|hey|dear|good (?:morning|afternoon|evening)) \[NAME_\d+\]", re.IGNORECASE)
_SIGNED = re.compile(r"[\s\-–—^~*]*\[NAME_\d+\]\s*$")


@dataclass(frozen=True, slots=True)
class Pair:
    """A customer's words and a person's answer to them, both masked."""

    conversation_id: str
    question: str
    reply: str


def mine_templates(
    transcripts: Iterable[Transcript], embedder: Reads, rules: MaskRules, progress: Progress
) -> list[Wording]:
    """Wordings by support, the most used first."""
    pairs: list[Pair] = []
    for number, transcript in enumerate(transcripts):
        progress("Reading logs", number, None)
        pairs += pairs_of(transcript, rules)
        if len(pairs) >= MOST_PAIRS:
            break
    found = []
    groups = [group for group in alike_replies(pairs) if len({p.conversation_id for p in group}) >= SUPPORT]
    for number, group in enumerate(groups):
        progress("Comparing answers", number, len(groups))
        if wording := _wording(group, embedder):
            found.append(wording)
    return sorted(found, key=lambda wording: -wording.support)


def pairs_of(transcript: Transcript, rules: MaskRules) -> Iterator[Pair]:
    """Each first answer of a person after the customer spoke, within the lengths worth keeping.

    In an imported log that tells no people from bots, every answer counts as a person's.
    """
    answers = _answering(transcript)
    masker = Masker(rules, names=[m.name for m in transcript.messages if m.name])
    masked = masker.mask_all([m.text for m in transcript.messages])
    said: list[str] = []
    for message, text in zip(transcript.messages, masked, strict=True):
        if message.author == "customer":
            if not small_talk(message.text):
                said.append(text)
        elif said and message.author == answers and _is_worth(message, text, " ".join(said)):
            yield Pair(transcript.conversation.id, " ".join(" ".join(said).split()), without_names(text))
            said = []
        elif message.author == answers:
            said = []


def _answering(transcript: Transcript) -> Author:
    """Who answers like a person in this conversation."""
    imported = transcript.conversation.source not in (None, LIVE)
    unnamed = imported and not any(message.author == "person" for message in transcript.messages)
    return "assistant" if unnamed else "person"


def _is_worth(message: Message, reply: str, question: str) -> bool:
    lengths = (REPLY_CHARACTERS, reply), (QUESTION_CHARACTERS, question)
    fits = all(least <= _length(text) <= most for (least, most), text in lengths)
    return message.rating != -1 and fits


def _length(text: str) -> float:
    return len(text) * (_IDEOGRAPHS if is_foreign(text) else 1.0)


def without_names(reply: str) -> str:
    """A reply without the customer's name after the greeting and the writer's at the end."""
    return _SIGNED.sub("", _GREETED.sub(r"\1", reply)).strip()


def alike_replies(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Pairs whose replies share most of their pieces with the first of their group."""
    index = MinHashLSH(threshold=ALIKE_REPLIES, num_perm=HASHES)
    groups: dict[int, list[Pair]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        made = sketch(PLACEHOLDER.sub(" ", pair.reply))
        first = min(index.query(made), default=None)
        if first is None:
            index.insert(number, made, check_duplication=False)
        groups[number if first is None else first].append(pair)
    return list(groups.values())


def _wording(group: Sequence[Pair], embedder: Reads) -> Wording | None:
    vectors = embedder.encode_queries([pair.question for pair in group])
    middle = vectors.mean(axis=0)
    middle /= np.linalg.norm(middle) + 1e-9
    nearness = vectors @ middle
    kept = np.flatnonzero(nearness >= NEAR_MIDDLE)
    support = len({group[int(i)].conversation_id for i in kept})
    if nearness.mean() < ALIKE_QUESTIONS or support < SUPPORT:
        return None
    text = with_slots([group[int(i)].reply for i in kept])
    if text is None:
        return None
    order = sorted(kept.tolist(), key=lambda i: -nearness[i])
    questions = list(dict.fromkeys(group[i].question for i in order))[:MOST_QUESTIONS]
    return Wording(questions, text, language_of(text), support=support, source="mined")


def with_slots(replies: Sequence[str]) -> str | None:
    """The most typical reply, its varying stretches as {slots}; None when too much of it varies."""
    pieces = [_PIECES.findall(reply) for reply in replies]
    typical = Counter(map(tuple, pieces)).most_common(1)[0]
    chosen = list(typical[0]) if typical[1] > 1 else max(pieces, key=lambda one: _likeness(one, pieces))
    matched = np.zeros(len(chosen))
    for other in pieces:
        for block in SequenceMatcher(None, chosen, other, autojunk=False).get_matching_blocks():
            matched[block.a : block.a + block.size] += 1
    varies = matched / len(pieces) < FIXED
    names: Counter[str] = Counter()
    text, slot = "", False
    for piece, open_slot in zip(chosen, varies, strict=True):
        masked = PLACEHOLDER.fullmatch(piece)
        if masked or (open_slot and re.search(r"\w", piece)):
            if not slot or masked:
                text += _slot(masked[1].lower() if masked else "detail", names)
            slot = not masked
        elif not (slot and open_slot):
            text, slot = text + piece, False
    return text.strip() if sum(names.values()) <= MOST_SLOTS else None


def _slot(name: str, names: Counter[str]) -> str:
    names[name] += 1
    return f"{{{name}}}" if names[name] == 1 else f"{{{name}_{names[name]}}}"


def _likeness(one: Sequence[str], others: Sequence[Sequence[str]]) -> float:
    return sum(SequenceMatcher(None, one, other, autojunk=False).ratio() for other in others[:20])
