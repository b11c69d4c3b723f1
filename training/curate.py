"""Pick the replies of logged conversations that are worth learning from, masked, each with where it comes from.

Every reply that is not picked is counted with its reason. Knows nothing of stores, files or models.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from assistant.engines import ChatMessage
from assistant.language import language_of
from assistant.privacy import PLACEHOLDER, Masker, MaskRules
from assistant.pseudonyms import customer_hash
from retrieval.documents import Passage
from training.curation_rules import CurationRules
from training.examples import Example, Split
from training.given_passages import passage_words
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
    passages_of: Callable[[str], tuple[Passage, ...]] = no_passages,
    progress: Progress = no_progress,
) -> Curation:
    """Pick, mask and clean.

    `passages_of` gives what was retrieved for the reply with a message id. `progress` is told how many conversations of
    how many are masked. Holds at most `max_examples` conversations in memory.
    """
    found = _gather(conversations, rules)
    house_words = found.house.words()
    made = _masked(found, rules, MaskRules(rules.order_patterns, frozenset(rules.keep) | house_words), progress)
    examples = tuple(
        replace(example, passages=example.passages or passages_of(example.message_ids[len(example.messages)]))
        for example in _selected(made, rules, found.dropped)
    )
    dropped = dict((+found.dropped).most_common())
    return Curation(examples, dropped, found.conversations, found.replies, tuple(sorted(house_words)))


@dataclass(slots=True)
class _Found:
    """What one pass over the conversations gave."""

    chosen: list[tuple[tuple[int, str], _Candidate]] = field(default_factory=list)  # a heap with the worst on top
    dropped: Counter[str] = field(default_factory=Counter)
    house: HouseWords = field(default_factory=HouseWords)
    answered_by_people: set[str] = field(default_factory=set)  # sources
    conversations: int = 0
    replies: int = 0


def _gather(conversations: Iterable[Logged], rules: CurationRules) -> _Found:
    """The best replies as far as can be told without masking."""
    found = _Found()
    for logged in conversations:
        found.conversations += 1
        found.house.count(message.text for message in logged.messages)
        if any(message.author == "person" for message in logged.messages):
            found.answered_by_people.add(logged.source)
        for turn in _reply_turns(logged):
            found.replies += 1
            candidate = _candidate(logged, turn, rules)
            if isinstance(candidate, str):
                found.dropped[candidate] += 1
            elif not _keep_best(found.chosen, candidate, rules.max_examples):
                found.dropped["over_limit"] += 1
    return found


def _masked(
    found: _Found, rules: CurationRules, mask_rules: MaskRules, progress: Progress
) -> list[tuple[_Candidate, Example]]:
    """Candidates with their examples; those that cannot become one are counted."""
    made: list[tuple[_Candidate, Example]] = []
    groups = _by_conversation(found.chosen)
    for done, (logged, candidates) in enumerate(groups, start=1):
        wanted = [candidate for candidate in candidates if not _is_bots(candidate, found.answered_by_people)]
        found.dropped["bot_reply"] += len(candidates) - len(wanted)
        for candidate, example in zip(wanted, _examples(logged, wanted, rules, mask_rules), strict=True):
            if isinstance(example, str):
                found.dropped[example] += 1
            else:
                made.append((candidate, example))
        progress(done, len(groups))
    return made


def _selected(made: list[tuple[_Candidate, Example]], rules: CurationRules, dropped: Counter[str]) -> Iterator[Example]:
    """Best first, within the caps and without near duplicates."""
    selection = _Selection(rules)
    for candidate, example in sorted(made, key=lambda pair: pair[0].order):
        reason = selection.refuses(candidate, example)
        if reason:
            dropped[reason] += 1
        else:
            yield example


def _by_conversation(chosen: list[tuple[tuple[int, str], _Candidate]]) -> list[tuple[Logged, list[_Candidate]]]:
    """The candidates of each conversation together, so that it is masked once."""
    groups: dict[str, tuple[Logged, list[_Candidate]]] = {}
    for _, candidate in chosen:
        groups.setdefault(candidate.logged.key, (candidate.logged, []))[1].append(candidate)
    return list(groups.values())


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


def _candidate(logged: Logged, turn: tuple[int, int], rules: CurationRules) -> _Candidate | str:
    """The reply in `turn` with its quality, or the reason to drop it."""
    first, last = turn
    said = logged.messages[first : last + 1]
    asked = next((i for i in range(first - 1, -1, -1) if logged.messages[i].author == "customer"), None)
    if asked is None:
        return "no_question"
    if not all(message.approved for message in said):
        return "unapproved"
    correction = next((message.corrected for message in said if message.corrected), None)
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
    """What the log says against a reply that no member of staff judged."""
    if all(message.judged for message in said):
        return None
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
    """Higher is better: corrections, judged or rated good, satisfied customers, resolved conversations, people."""
    if correction is not None:
        return CORRECTED
    quality = 8 * any(message.rating == 1 or message.judged for message in said) + 4 * (said[0].author == "person")
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


def _examples(
    logged: Logged, candidates: Sequence[_Candidate], rules: CurationRules, mask_rules: MaskRules
) -> list[Example | str]:
    """Each candidate masked and cleaned, or the reason why that cannot be."""
    if not candidates:
        return []
    public = {word for m in logged.messages for p in m.passages for word in passage_words(p)}
    mask_rules = replace(mask_rules, keep=mask_rules.keep | public) if public else mask_rules
    masker = Masker(mask_rules, names=[message.name for message in logged.messages if message.name])
    masked = masker.mask_all([message.text for message in logged.messages])
    return [_example(candidate, masked, masker, rules) for candidate in candidates]


def _example(candidate: _Candidate, masked: Sequence[str], masker: Masker, rules: CurationRules) -> Example | str:
    """One candidate; `masked` are the texts of its conversation."""
    logged = candidate.logged
    history = _history(logged.messages, candidate.asked, rules)
    said = range(candidate.first, candidate.last + 1)
    reply = masker.mask(candidate.correction) if candidate.correction else "\n".join(masked[i] for i in said)
    known = {match.group() for i in history for match in PLACEHOLDER.finditer(masked[i])}
    cleaned = without_unknown_names(reply, known)
    if cleaned is None:
        return "personal_data"
    if words(cleaned) < rules.min_words:
        return "too_short"
    return Example(
        id=candidate.id,
        conversation_id=logged.id,
        messages=tuple(
            ChatMessage("user" if logged.messages[i].author == "customer" else "assistant", masked[i]) for i in history
        ),
        reply=cleaned,
        language=_language(logged.language, cleaned),
        split=split_of(logged.key, rules.validation_share),
        passages=tuple(passage for i in said for passage in logged.messages[i].passages),
        kind="log" if candidate.correction is None else "correction",
        message_ids=tuple(logged.messages[i].id for i in (*history, *said)),
        customer_hash=customer_hash(logged.customer_id) if logged.customer_id else "",
    )


def _language(told: str | None, text: str) -> str:
    """The two letters of a language code such as "en" or "pt-BR", or else what the text looks like."""
    code = (told or "").lower().replace("_", "-").split("-")[0]
    return code if len(code) == 2 and code.isalpha() else language_of(text)


def _history(messages: Sequence[LoggedMessage], asked: int, rules: CurationRules) -> list[int]:
    """Indices of the latest messages up to `asked` within the limits, from a customer's one on; `asked` always."""
    spoken = [i for i in range(asked + 1) if messages[i].author != "system"][-rules.history_messages :]
    left = rules.history_chars
    kept: list[int] = []
    for i in reversed(spoken):
        left -= len(messages[i].text)
        if kept and left < 0:
            break
        kept.insert(0, i)
    while messages[kept[0]].author != "customer":
        kept.pop(0)
    return kept


def split_of(key: str, validation_share: float) -> Split:
    """Which part a conversation belongs to: by the hash of its key, so all its examples and all later runs agree."""
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
    return "validation" if place < validation_share else "train"


class _Selection:
    """Caps and near duplicates over the examples picked so far, which come best first."""

    def __init__(self, rules: CurationRules) -> None:
        self._rules = rules
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
