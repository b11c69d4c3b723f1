"""Which of the masked examples are kept: caps a conversation, customer and agent, and no near duplicates.

Knows examples in order of quality; nothing of how they were made.
"""

from __future__ import annotations

from collections import Counter

from training.curation_rules import CurationRules
from training.examples import Example
from training.near_duplicates import NearDuplicates
from training.reply_candidates import Candidate
from training.reply_quality import same_form


class Selection:
    """Caps and near duplicates over the examples picked so far, which come best first."""

    def __init__(self, rules: CurationRules) -> None:
        self._rules = rules
        self._taken: Counter[tuple[str, str]] = Counter()
        self._duplicates = NearDuplicates(rules.similarity)

    def refuses(self, candidate: Candidate, example: Example) -> str | None:
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
