"""The replies of a logged conversation that are worth looking at, with how good they are, or why they are dropped.

As far as can be told without masking; knows nothing of examples, stores or files.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from training.curation_rules import CurationRules
from training.logged import Logged, LoggedMessage
from training.reply_quality import is_boilerplate, is_toxic, words

CORRECTED = 100  # quality of a reply that staff corrected: above all others


@dataclass(frozen=True, slots=True)
class Candidate:
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


def reply_turns(logged: Logged) -> Iterator[tuple[int, int]]:
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


def candidate_of(logged: Logged, turn: tuple[int, int], rules: CurationRules) -> Candidate | str:
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
    return Candidate(logged, asked, first, last, _quality(logged, said, correction), correction)


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


def keep_best(chosen: list[tuple[tuple[int, str], Candidate]], candidate: Candidate, limit: int) -> bool:
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


def is_bots(candidate: Candidate, answered_by_people: set[str]) -> bool:
    """Where people answer, bots are no example; only a log without people is learnt from as it is."""
    message = candidate.logged.messages[candidate.first]
    rated = candidate.correction is not None or candidate.quality >= 8
    return message.author == "assistant" and not rated and candidate.logged.source in answered_by_people
