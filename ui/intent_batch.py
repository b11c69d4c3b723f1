"""Name the intents of a file of messages, seen together: by themselves they show how many are out of scope.

Knows lines and the serving classifier; how one message is classified is in `ui/cli_understanding.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ui.batch import Line, message_of, print_json
from ui.progress import Report

if TYPE_CHECKING:
    from assistant.conversation import Intent
    from assistant.intents import IntentModel
    from retrieval.by_script import Reads

AT_ONCE = 64  # messages encoded together
TOGETHER = 10_000  # lines judged together; more of them show hardly more
NO_MESSAGE = 'give "text", a customer\'s message'


def classify_lines(model: IntentModel, embedder: Reads, lines: Iterable[Line], progress: Report) -> None:
    """Answer every line of a batch in order."""
    rest = iter(lines)
    while some := list(islice(rest, TOGETHER)):
        texts = [message_of(line) for line in some]
        found = iter(_intents(model, embedder, [text for text in texts if text is not None], progress))
        for line, text in zip(some, texts, strict=True):
            if text is None:
                print_json({"id": line.id, "error": line.error or NO_MESSAGE})
            else:
                print_json({"id": line.id, "intent": intent_json(next(found))})


def _intents(model: IntentModel, embedder: Reads, texts: Sequence[str], progress: Report) -> list[Intent | None]:
    from assistant.intent_scope import all_of

    judged = []
    for start in range(0, len(texts), AT_ONCE):
        progress("Classifying", start, len(texts))
        group = texts[start : start + AT_ONCE]
        judged.append(model.judge(embedder.encode_queries(group), group))
    if not judged:
        return []
    together = all_of(judged)
    return model.named(together, together.taken_together())


def intent_json(intent: Intent | None) -> dict[str, Any] | None:
    """As the contract has it."""
    return {"name": intent.name, "score": intent.score} if intent else None
