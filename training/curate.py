"""Pick the replies of logged conversations that are worth learning from, masked, each with where it comes from.

Every reply that is not picked is counted with its reason. Knows nothing of stores, files or models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from assistant.privacy import MaskRules
from retrieval.documents import Passage
from training.curation_rules import CurationRules
from training.example_selection import Selection
from training.examples import Example
from training.house_words import HouseWords
from training.logged import Logged
from training.masked_examples import masked_examples
from training.reply_candidates import Candidate, candidate_of, is_bots, keep_best, reply_turns


@dataclass(frozen=True, slots=True)
class Curation:
    """`examples`, best first, and how many replies were dropped for which of REASONS."""

    examples: tuple[Example, ...]
    dropped: dict[str, int]
    conversations: int
    replies: int
    house_words: tuple[str, ...]  # found in this log; not masked as names


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

    chosen: list[tuple[tuple[int, str], Candidate]] = field(default_factory=list)  # a heap with the worst on top
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
        for turn in reply_turns(logged):
            found.replies += 1
            candidate = candidate_of(logged, turn, rules)
            if isinstance(candidate, str):
                found.dropped[candidate] += 1
            elif not keep_best(found.chosen, candidate, rules.max_examples):
                found.dropped["over_limit"] += 1
    return found


def _masked(
    found: _Found, rules: CurationRules, mask_rules: MaskRules, progress: Progress
) -> list[tuple[Candidate, Example]]:
    """Candidates with their examples; those that cannot become one are counted."""
    made: list[tuple[Candidate, Example]] = []
    groups = _by_conversation(found.chosen)
    for done, (logged, candidates) in enumerate(groups, start=1):
        wanted = [candidate for candidate in candidates if not is_bots(candidate, found.answered_by_people)]
        found.dropped["bot_reply"] += len(candidates) - len(wanted)
        for candidate, example in zip(wanted, masked_examples(logged, wanted, rules, mask_rules), strict=True):
            if isinstance(example, str):
                found.dropped[example] += 1
            else:
                made.append((candidate, example))
        progress(done, len(groups))
    return made


def _selected(made: list[tuple[Candidate, Example]], rules: CurationRules, dropped: Counter[str]) -> Iterator[Example]:
    """Best first, within the caps and without near duplicates."""
    selection = Selection(rules)
    for candidate, example in sorted(made, key=lambda pair: pair[0].order):
        reason = selection.refuses(candidate, example)
        if reason:
            dropped[reason] += 1
        else:
            yield example


def _by_conversation(chosen: list[tuple[tuple[int, str], Candidate]]) -> list[tuple[Logged, list[Candidate]]]:
    """The candidates of each conversation together, so that it is masked once."""
    groups: dict[str, tuple[Logged, list[Candidate]]] = {}
    for _, candidate in chosen:
        groups.setdefault(candidate.logged.key, (candidate.logged, []))[1].append(candidate)
    return list(groups.values())
