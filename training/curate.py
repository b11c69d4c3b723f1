"""Pick the replies of logged conversations that are worth learning from, masked, each with where it comes from.

Every reply that is not picked is counted with its reason. Knows nothing of stores, files, models or approvals.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from assistant.engines import ChatMessage
from assistant.privacy import PLACEHOLDER, Masker, MaskRules
from assistant.understand import language_of
from retrieval.documents import Passage
from training.curation_rules import CurationRules
from training.examples import Example, Split
from training.house_words import HouseWords
from training.logged import Logged, LoggedMessage
from training.near_duplicates import NearDuplicates
from training.reply_quality import is_boilerplate, is_toxic, same_form, without_unknown_names, words

CORRECTED = 100  # quality of a reply that staff corrected: above all others


@dataclass(frozen=True, slots=True)
class Curation:
    """`examples`, best first, and how many replies were dropped for which of REASONS."""

    examples: tuple[Example, ...]
    dropped: dict[str, int]
    conversations: int
    replies: int
    house_words: tuple[str, ...]  # found in this log; not masked as names


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A reply worth looking at: messages `first` to `last` of its conversation (both included), not yet masked."""

    logged: Logged
    asked: int  # index of the customer's last message before it
    first: int
    last: int
    quality: int
    correction: str | None

    @property
    def id(self) -> str:
        """The same for the same reply of the same conversation, wherever it was imported."""
        return hashlib.sha256(f"{self.logged.key}#{self.first}".encode()).hexdigest()[:20]

    @property
    def order(self) -> tuple[int, str]:
        """Better first, then in an order that nobody can choose."""
        return -self.quality, self.id


Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """For callers that show none."""


def no_passages(_: str) -> tuple[Passage, ...]:
    """For logs whose replies had no retrieved passages."""
    return ()


def curate(
    conversations: Iterable[Logged],
    rules: CurationRules,
    corrections: Mapping[str, str] | None = None,
    passages_of: Callable[[str], tuple[Passage, ...]] = no_passages,
    progress: Progress = no_progress,
) -> Curation:
    """Pick, mask and clean. `corrections`: staff's better text by id of the corrected reply's message.

    `passages_of` gives what was retrieved for the reply with a message id. `progress` is told how many candidates of
    how many are masked. Holds at most `max_examples` conversations in memory.
    """
    dropped: Counter[str] = Counter()
    house = HouseWords()
    chosen: list[tuple[tuple[int, str], _Candidate]] = []  # a heap with the worst on top
    answered_by_people: set[str] = set()
    count = replies = 0
    for logged in conversations:
        count += 1
        house.count(message.text for message in logged.messages)
        if any(message.author == "person" for message in logged.messages):
            answered_by_people.add(logged.source)
        for turn in _reply_turns(logged):
            replies += 1
            candidate = _candidate(logged, turn, rules, corrections or {})
            if isinstance(candidate, str):
                dropped[candidate] += 1
            elif not _keep_best(chosen, candidate, rules.max_examples):
                dropped["over_limit"] += 1
    candidates = sorted((candidate for _, candidate in chosen), key=lambda candidate: candidate.order)
    mask_rules = MaskRules(rules.order_patterns, frozenset(rules.keep) | house.words())
    selection = _Selection(rules, dropped)
    examples = []
    for done, candidate in enumerate(candidates, start=1):
        progress(done, len(candidates))
        if _is_bots(candidate, answered_by_people):
            dropped["bot_reply"] += 1
            continue
        example = _example(candidate, rules, mask_rules)
        reason = example if isinstance(example, str) else selection.refuses(candidate, example)
        if isinstance(example, str) or reason:
            dropped[str(reason)] += 1
        else:
            reply_id = candidate.logged.messages[candidate.first].id
            examples.append(replace(example, passages=passages_of(reply_id)))
    return Curation(tuple(examples), dict(dropped.most_common()), count, replies, tuple(sorted(house.words())))


def _reply_turns(logged: Logged) -> Iterator[tuple[int, int]]:
    """First and last index of each uninterrupted run of messages by the same person or bot."""
    first = None
    messages = logged.messages
    for i, message in enumerate(messages):
        if message.author not in ("assistant", "person"):
            continue
        first = i if first is None else first
        following = messages[i + 1] if i + 1 < len(messages) else None
        if following is None or (following.author, following.name) != (message.author, message.name):
            yield first, i
            first = None


def _candidate(
    logged: Logged, turn: tuple[int, int], rules: CurationRules, corrections: Mapping[str, str]
) -> _Candidate | str:
    """The reply in `turn` with its quality, or the reason to drop it."""
    first, last = turn
    said = logged.messages[first : last + 1]
    asked = next((i for i in range(first - 1, -1, -1) if logged.messages[i].author == "customer"), None)
    if asked is None:
        return "no_question"
    correction = next((corrections[message.id] for message in said if message.id in corrections), None)
    text = correction or "\n".join(message.text for message in said)
    if correction is None:
        reason = _unfit(logged, asked, first, said, rules)
        if reason:
            return reason
    if words(text) < rules.min_words:
        return "too_short"
    if len(text) > rules.max_reply_chars:
        return "too_long"
    if is_toxic(text):
        return "toxic"
    if correction is None and is_boilerplate(text):
        return "boilerplate"
    return _Candidate(logged, asked, first, last, _quality(logged, said, correction), correction)


def _unfit(logged: Logged, asked: int, first: int, said: tuple[LoggedMessage, ...], rules: CurationRules) -> str | None:
    """What the log says against a reply that nobody corrected."""
    ratings = [message.rating for message in said if message.rating]
    between = logged.messages[asked + 1 : first]
    if -1 in ratings:
        return "rated_bad"
    if any(
        message.author == "person" or said[0].author == "assistant" for message in between if message.author != "system"
    ):
        return "follow_up"
    if said[0].author == "assistant" and logged.live and 1 not in ratings:
        return "own_reply"
    if (logged.satisfaction or 5) < rules.least_satisfaction:
        return "dissatisfied"
    return None


def _quality(logged: Logged, said: tuple[LoggedMessage, ...], correction: str | None) -> int:
    """Higher is better: corrections, good ratings, satisfied customers, resolved conversations, people."""
    if correction is not None:
        return CORRECTED
    quality = 8 * any(message.rating == 1 for message in said) + 4 * (said[0].author == "person")
    quality += {5: 3, 4: 2}.get(logged.satisfaction or 0, 0)
    return quality + {True: 2, False: -2, None: 0}[logged.resolved]


def _keep_best(chosen: list[tuple[tuple[int, str], _Candidate]], candidate: _Candidate, limit: int) -> bool:
    """Add to the heap; past the limit the worst one goes. False if that means one reply more is dropped."""
    quality, id = candidate.order
    entry = ((-quality, _inverted(id)), candidate)
    if len(chosen) < limit:
        heapq.heappush(chosen, entry)
        return True
    heapq.heappushpop(chosen, entry)
    return False


def _inverted(id: str) -> str:
    """Sorts the other way round (of hexadecimal digits)."""
    return id.translate(str.maketrans("0123456789abcdef", "fedcba9876543210"))


def _is_bots(candidate: _Candidate, answered_by_people: set[str]) -> bool:
    """Where people answer, bots are no example; only a log without people is learnt from as it is."""
    message = candidate.logged.messages[candidate.first]
    rated = candidate.correction is not None or candidate.quality >= 8
    return message.author == "assistant" and not rated and candidate.logged.source in answered_by_people


def _example(candidate: _Candidate, rules: CurationRules, mask_rules: MaskRules) -> Example | str:
    """Masked and cleaned, or the reason why that cannot be."""
    logged = candidate.logged
    history = _history(logged.messages[: candidate.asked + 1], rules)
    said = logged.messages[candidate.first : candidate.last + 1]
    reply = candidate.correction or "\n".join(message.text for message in said)
    masker = Masker(mask_rules, names=[message.name for message in logged.messages if message.name])
    *masked, masked_reply = masker.mask_all([*(message.text for message in history), reply])
    known = {match.group() for text in masked for match in PLACEHOLDER.finditer(text)}
    cleaned = without_unknown_names(masked_reply, known)
    if cleaned is None:
        return "personal_data"
    if words(cleaned) < rules.min_words:
        return "too_short"
    return Example(
        id=candidate.id,
        conversation_id=logged.id,
        messages=tuple(
            ChatMessage("user" if message.author == "customer" else "assistant", text)
            for message, text in zip(history, masked, strict=True)
        ),
        reply=cleaned,
        language=_language(logged.language, cleaned),
        split=split_of(logged.key, rules.validation_share),
        kind="log" if candidate.correction is None else "correction",
        message_ids=tuple(message.id for message in (*history, *said)),
    )


def _language(told: str | None, text: str) -> str:
    """The two letters of a language code such as "en" or "pt-BR", or else what the text looks like."""
    code = (told or "").lower().replace("_", "-").split("-")[0]
    return code if len(code) == 2 and code.isalpha() else language_of(text)


def _history(messages: tuple[LoggedMessage, ...], rules: CurationRules) -> list[LoggedMessage]:
    """The latest messages within the limits, from a customer's one on; the last one always."""
    spoken = [message for message in messages if message.author != "system"][-rules.history_messages :]
    left = rules.history_chars
    kept: list[LoggedMessage] = []
    for message in reversed(spoken):
        left -= len(message.text)
        if kept and left < 0:
            break
        kept.insert(0, message)
    while kept[0].author != "customer":
        kept.pop(0)
    return kept


def split_of(key: str, validation_share: float) -> Split:
    """Which part a conversation belongs to: by the hash of its key, so all its examples and all later runs agree."""
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
    return "validation" if place < validation_share else "train"


class _Selection:
    """Caps and near duplicates over the examples picked so far, which come best first."""

    def __init__(self, rules: CurationRules, dropped: Counter[str]) -> None:
        self._rules = rules
        self._dropped = dropped
        self._taken: Counter[tuple[str, str]] = Counter()
        self._duplicates = NearDuplicates(rules.similarity)

    def refuses(self, candidate: _Candidate, example: Example) -> str | None:
        """The reason to drop `example`, or None, and then it counts as picked."""
        logged = candidate.logged
        agent = logged.messages[candidate.first].name
        limits = [
            ("conversation_cap", logged.key, self._rules.per_conversation),
            (
                "customer_cap",
                f"{logged.source}/{logged.customer_id}" if logged.customer_id else "",
                self._rules.per_customer,
            ),
            ("agent_cap", f"{logged.source}/{agent}" if agent else "", self._rules.per_agent),
            ("repeated_reply", same_form(example.reply), self._rules.same_reply),
        ]
        if example.kind == "correction":
            limits = []
        for reason, who, limit in limits:
            if who and self._taken[reason, who] >= limit:
                return reason
        if self._duplicates.seen(f"{example.messages[-1].content}\n{example.reply}") and example.kind != "correction":
            return "near_duplicate"
        self._taken.update((reason, who) for reason, who, _ in limits if who)
        return None
