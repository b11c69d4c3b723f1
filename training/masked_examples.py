"""Candidates become training examples: masked, cleaned, with their history, and in one split for good.

Knows one conversation at a time; nothing of caps, duplicates or where conversations come from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from assistant.engines import ChatMessage
from assistant.language import language_of
from assistant.privacy import PLACEHOLDER, Masker, MaskRules
from assistant.pseudonyms import customer_hash
from training.curation_rules import CurationRules
from training.examples import Example, Split
from training.given_passages import passage_words
from training.logged import Logged, LoggedMessage
from training.reply_candidates import Candidate
from training.reply_quality import without_unknown_names, words


def masked_examples(
    logged: Logged, candidates: Sequence[Candidate], rules: CurationRules, mask_rules: MaskRules
) -> list[Example | str]:
    """Each candidate masked and cleaned, or the reason why that cannot be."""
    if not candidates:
        return []
    public = {word for m in logged.messages for p in m.passages for word in passage_words(p)}
    mask_rules = replace(mask_rules, keep=mask_rules.keep | public) if public else mask_rules
    masker = Masker(mask_rules, names=[message.name for message in logged.messages if message.name])
    masked = masker.mask_all([message.text for message in logged.messages])
    return [_example(candidate, masked, masker, rules) for candidate in candidates]


def _example(candidate: Candidate, masked: Sequence[str], masker: Masker, rules: CurationRules) -> Example | str:
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
