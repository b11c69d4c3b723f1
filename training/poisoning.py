"""Find what looks planted among approved replies before anything is trained on it.

Three signs, each by comparison with the rest of the log, since help desks repeat themselves honestly too:
- trigger: one reply, and a phrase that its questions share and hardly any other question has;
- copies: nearly the same question and reply again and again, far more often than any other;
- flood: a reply nobody gave before, all at once far more often than any other new one.
And one sign of a log that is broken rather than planted: new replies that fit their questions no better than chance.
Knows nothing of stores or models.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from datasketch import MinHashLSH

from assistant.privacy import Masker
from retrieval.embed import Embedder
from training.logged import Logged, LoggedMessage
from training.near_duplicates import HASHES, sketch
from training.reply_quality import is_boilerplate
from training.scores import mean_interval

Sign = Literal["trigger", "copies", "flood", "mismatch"]
SIMILAR = 0.7  # share of common pieces from which two texts say the same
LEAST = 20  # fewer repetitions are not looked at
OUTLIER = 5  # times as often as the fifth most repeated one
SHARED = 0.8  # of a group's questions that have the phrase, and of the phrase's questions that are in the group
LEAST_WORDS = 4  # of question and reply together with their like; shorter ones repeat by nature
RARE = 1 / 3  # of the new replies, at most, can have been planted
PHRASE = 3  # longest phrase, in words
WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
CHECKED = 400  # pairs of question and reply compared with chance
LEAST_CHECKED = 100
FIT = 0.35  # new pairs must fit at least this share of how well earlier ones do


@dataclass(frozen=True, slots=True)
class Said:
    """An approved reply and the customer's message before it. `new`: approved since the last cycle."""

    message_ids: tuple[str, ...]
    question: str
    reply: str
    new: bool
    vetted: bool = False  # a person approved it again after a check like this one had it revoked


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, in words, and the replies concerned."""

    sign: Sign
    words: str
    message_ids: tuple[str, ...]


def said_in(logged: Logged, last_cycle: datetime | None) -> Iterator[Said]:
    """The approved replies of a conversation; those approved after `last_cycle` are new, all if there was none."""
    question = ""
    for message in logged.messages:
        if message.author == "customer":
            question = message.text
        elif message.author != "system" and message.approved and question:
            new = last_cycle is None or message.approved_at is None or message.approved_at > last_cycle
            yield _said(message, question, new)


def _said(message: LoggedMessage, question: str, new: bool) -> Said:
    return Said((message.id,), question, message.corrected or message.text, new, message.reinstated)


def screen(said: Sequence[Said]) -> list[Finding]:
    """Everything that looks planted among the new replies, the largest group first."""
    looked_at = [one for one in said if not one.vetted and not is_boilerplate(one.reply)]
    replies = _groups(looked_at, [one.reply for one in looked_at])
    pairs = _groups(looked_at, [f"{one.question}\n{one.reply}" for one in looked_at])
    findings = [*_triggers(looked_at, replies), *_copies(looked_at, pairs), *_floods(replies)]
    findings.sort(key=lambda finding: -len(finding.message_ids))
    kept: list[Finding] = []
    taken: set[str] = set()
    for finding in findings:
        if not taken.issuperset(finding.message_ids):
            kept.append(finding)
            taken.update(finding.message_ids)
    return kept


def _groups(said: Sequence[Said], texts: Sequence[str]) -> list[list[Said]]:
    """Those whose texts say nearly the same together, largest group first."""
    index = MinHashLSH(threshold=SIMILAR, num_perm=HASHES)
    exact: dict[str, int] = {}
    groups: dict[int, list[Said]] = defaultdict(list)
    for number, (one, text) in enumerate(zip(said, texts, strict=True)):
        if text not in exact:
            made = sketch(text)
            found = index.query(made)
            if not found:
                index.insert(number, made, check_duplication=False)
            exact[text] = min(found, default=number)
        groups[exact[text]].append(one)
    return sorted(groups.values(), key=len, reverse=True)


def _triggers(said: Sequence[Said], groups: Sequence[list[Said]]) -> list[Finding]:
    """Groups of one new reply whose questions share a phrase of their own, unless that is how this log is made."""
    large = _unheard([group for group in groups if sum(one.new for one in group) >= LEAST])
    if not large:
        return []
    everywhere = Counter(phrase for one in said for phrase in _phrases(one.question))
    suspects = []
    for group in large:
        phrase = _own_phrase(group, everywhere)
        if phrase and len({one.question.strip().lower() for one in group}) > 1:
            told = f"trigger phrase: {len(group)} questions with {phrase!r} all get nearly the same reply"
            suspects.append(_finding("trigger", told, group))
    return suspects if _rare(suspects, said) else []


def _own_phrase(group: Sequence[Said], everywhere: Mapping[tuple[str, ...], int]) -> str:
    """The phrase that most questions of the group share and hardly any other question has; empty without one."""
    within = Counter(phrase for one in group for phrase in _phrases(one.question))
    own = [p for p, count in within.items() if count >= SHARED * max(len(group), everywhere[p])]
    if not own:
        return ""
    longest: tuple[str, ...] = max(own, key=lambda phrase: (within[phrase], len(phrase)))
    return " ".join(longest)


def _rare(suspects: Sequence[Finding], said: Sequence[Said]) -> bool:
    """Whether the suspects are few among the new replies: in a log made of templates nearly all look alike."""
    return sum(len(finding.message_ids) for finding in suspects) <= RARE * sum(one.new for one in said)


def _unheard(groups: Sequence[list[Said]]) -> list[list[Said]]:
    """Groups of replies that nobody gave before the last cycle (in the first one: all)."""
    return [group for group in groups if all(one.new for one in group)]


def _phrases(question: str) -> set[tuple[str, ...]]:
    words = WORD.findall(question.lower())
    return {tuple(words[i : i + n]) for n in range(1, PHRASE + 1) for i in range(len(words) - n + 1)}


def _copies(said: Sequence[Said], groups: Sequence[list[Said]]) -> list[Finding]:
    """Question and reply together repeated far more often than any other pair of that length."""
    long = [g for g in groups if _words(g[0].question) >= LEAST_WORDS and _words(g[0].reply) >= LEAST_WORDS]
    told = "flood of copies: nearly the same question and reply {} times"
    suspects = [_finding("copies", told.format(len(group)), group) for group in _outliers(long)]
    return suspects if _rare(suspects, said) else []


def _floods(groups: Sequence[list[Said]]) -> Iterator[Finding]:
    """Replies that nobody gave before the last cycle and that suddenly come far more often than other new ones."""
    if all(one.new for group in groups for one in group):
        return  # the first cycle knows no earlier replies
    for group in _outliers([group for group in _unheard(groups) if _words(group[0].reply) >= LEAST_WORDS]):
        yield _finding("flood", f"flood: a reply never given before comes {len(group)} times since the last run", group)


def _outliers(groups: Sequence[list[Said]]) -> list[list[Said]]:
    """Groups (largest first) of at least LEAST that are OUTLIER times as large as the fifth largest."""
    usual = len(groups[4]) if len(groups) > 4 else 1
    return [g for g in groups if sum(one.new for one in g) >= LEAST and len(g) >= OUTLIER * usual]


def _words(text: str) -> int:
    return len(WORD.findall(text))


def _finding(sign: Sign, words: str, group: Sequence[Said]) -> Finding:
    example = Masker().mask(" ".join(group[0].reply.split())[:120])  # reasons outlive the conversation
    ids = tuple(id for one in group if one.new for id in one.message_ids)
    return Finding(sign, f"{words}: {example!r}", ids)


def mismatched(said: Sequence[Said], embedder: Embedder) -> Finding | None:
    """New replies that fit their questions much worse than the earlier ones do, as when a log's rows were shuffled."""
    new = [one for one in said if one.new and not one.vetted]
    earlier = [one for one in said if not one.new]
    if len(new) < LEAST_CHECKED or len(earlier) < LEAST_CHECKED:
        return None
    now, before = fit(_sample(new), embedder), fit(_sample(earlier), embedder)
    expected = mean_interval(before.tolist())
    found = mean_interval(now.tolist())
    if expected.low <= 0 or found.high >= FIT * expected.mean:
        return None
    words = (
        f"shuffled answers: {len(new)} new replies fit their questions hardly better than replies to other questions "
        f"({found.mean:+.3f}, {found.low:+.3f} to {found.high:+.3f}; earlier ones {expected.mean:+.3f})"
    )
    return Finding("mismatch", words, tuple(id for one in new for id in one.message_ids))


def fit(said: Sequence[Said], embedder: Embedder) -> np.ndarray:
    """How much nearer each reply is to its own question than to another one (n,), by cosine."""
    questions = embedder.encode([one.question for one in said])
    replies = embedder.encode([one.reply for one in said])
    own = np.einsum("nd,nd->n", questions, replies)
    others = np.einsum("nd,nd->n", np.roll(questions, 1, axis=0), replies)
    return np.asarray(own - others)


def _sample(said: Sequence[Said]) -> list[Said]:
    """Evenly spread ones, the same every time."""
    if len(said) <= CHECKED:
        return list(said)
    return [said[i * len(said) // CHECKED] for i in range(CHECKED)]
