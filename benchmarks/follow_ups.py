"""Follow-up questions to the example shop: is the right passage first, and does the reply hold the right fact?

    python -m benchmarks.follow_ups HOME [--turns] [--show]

HOME holds the ingested `examples/knowledge`; the questions are `examples/follow_ups.jsonl`. `--turns` also writes the
replies with the model of the home.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assistant.conversation import Reply
from assistant.engines import ChatMessage
from assistant.settings import load_settings
from assistant.turn import Assistant
from assistant.understand import understand
from assistant.wiring import build_assistant
from retrieval.documents import Hit

FOLLOW_UPS = Path(__file__).resolve().parents[1] / "examples" / "follow_ups.jsonl"
NEAR = 3  # hits among which the right passage is counted as found


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A conversation whose last question the documents answer with the facts."""

    id: str
    kind: str
    language: str
    messages: tuple[ChatMessage, ...]
    documents: frozenset[str]
    facts: tuple[str, ...]

    def answered_by(self, hit: Hit) -> bool:
        """Is this a right passage: of one of the documents, with every fact?"""
        return hit.passage.document_id in self.documents and all(fact in hit.passage.text for fact in self.facts)

    def told_by(self, reply: Reply) -> bool:
        """Does the reply hold every fact?"""
        return all(fact in reply.text for fact in self.facts)


def follow_ups(path: Path = FOLLOW_UPS) -> Iterator[FollowUp]:
    """The labelled conversations."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        messages = tuple(ChatMessage(m["role"], m["content"]) for m in row["messages"])
        yield FollowUp(
            row["id"], row["kind"], row["language"], messages, frozenset(row["documents"]), tuple(row["facts"])
        )


def places(assistant: Assistant, cases: Sequence[FollowUp]) -> list[int | None]:
    """The place, from 1, of the first right passage of each case among ten."""
    understood = [understand(case.messages) for case in cases]
    found = assistant.retriever.search_many(
        [u.topic for u in understood], 10, [u.said for u in understood], [u.question for u in understood]
    )
    return [
        next((n for n, hit in enumerate(result.hits, 1) if case.answered_by(hit)), None)
        for case, result in zip(cases, found, strict=True)
    ]


async def replies(assistant: Assistant, cases: Sequence[FollowUp]) -> list[Reply]:
    """Whole turns."""
    return [await assistant.answer_whole(case.messages) for case in cases]


def report(language: str, cases: Sequence[FollowUp], found: Sequence[int | None], said: Sequence[Reply]) -> None:
    """One line a language; the unanswerable ones count by themselves."""
    ranks = [place for case, place in zip(cases, found, strict=True) if case.facts]
    near = sum(place is not None and place <= NEAR for place in ranks) / len(ranks)
    line = f"{language}  n {len(ranks)}  right passage first {ranks.count(1) / len(ranks):.3f}  among {NEAR} {near:.3f}"
    if said:
        pairs = list(zip(cases, said, strict=True))
        right = sum(bool(case.facts) and case.told_by(reply) for case, reply in pairs)
        wrong = sum(bool(case.facts) and reply.action == "answer" and not case.told_by(reply) for case, reply in pairs)
        none = Counter(reply.action for case, reply in pairs if not case.facts)
        line += f"  right fact told {right / len(ranks):.3f}  answered without it {wrong}  unanswerable {dict(none)}"
    print(line, flush=True)


def main() -> None:
    """Measure per language."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("home", type=Path, help="home with the example shop")
    parser.add_argument("--turns", action="store_true", help="also write whole replies")
    parser.add_argument("--show", action="store_true", help="print the cases that fail")
    options = parser.parse_args()
    assistant = build_assistant(load_settings(options.home))
    for language in ("en", "zh"):
        cases = [case for case in follow_ups() if case.language == language]
        found = places(assistant, cases)
        said = asyncio.run(replies(assistant, cases)) if options.turns else []
        report(language, cases, found, said)
        for n, case in enumerate(cases):
            text = f"{said[n].action} {said[n].evidence}: {said[n].text}" if said else ""
            missed = bool(case.facts) and (found[n] != 1 or (bool(said) and not case.told_by(said[n])))
            answered = not case.facts and bool(said) and said[n].action == "answer"
            if options.show and (missed or answered):
                print(f"  {case.id} {case.kind} place {found[n]} {case.messages[-1].content!r} {case.facts} {text!r}")
    asyncio.run(assistant.close())


if __name__ == "__main__":
    main()
