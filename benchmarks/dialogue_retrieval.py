"""Questions whose subject was named earlier, over 12,039 FAQ of hotels, restaurants and attractions.

    python -m benchmarks.dialogue_retrieval HOME [--write-faq FILE]

HOME holds the FAQ, ingested from what `--write-faq` wrote. Two sets: written dialogues of the hotel set whose last
question is answered by FAQ of a place named before; and the same dialogues as speech recognition might write them:
no capitals or punctuation, places respelt by sound, split, or merged. The noise is ours, made by rules and a seed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assistant.engines import ChatMessage
from assistant.settings import load_settings
from assistant.understand import understand
from assistant.wiring import build_retriever
from benchmarks.development_sets import DATA
from retrieval.documents import SearchResult
from retrieval.recall import first_rank, recall_at
from retrieval.search import Retriever
from retrieval.sounds import spoken_words

_SWAPS = (
    ("ph", "f"),
    ("ck", "k"),
    ("c", "k"),
    ("ee", "ea"),
    ("ou", "ow"),
    ("s", "z"),
    ("y", "i"),
    ("ai", "ay"),
    ("o", "a"),
)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Messages whose last question the documents `gold` answer."""

    messages: tuple[ChatMessage, ...]
    gold: frozenset[str]
    places: frozenset[str]


def faq_rows() -> Iterator[dict[str, Any]]:
    """The travel FAQ in the form `assistant ingest` reads."""
    knowledge = json.loads(gzip.decompress((DATA / "travel_faq" / "knowledge.json.gz").read_bytes()))
    for domain, places in knowledge.items():
        for number, place in places.items():
            for key, faq in place["docs"].items():
                row = {"id": f"{domain}__{number}__{key}", "question": faq["title"], "answer": faq["body"]}
                yield row | ({"entity": place["name"]} if place["name"] else {})


def dialogues() -> list[Dialogue]:
    """Those of the hotel set that FAQ of a place in their text answer."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in faq_rows():
        rows.setdefault(_letters(f"Q: {row['question']} A: {row['answer']}"), []).append(row)
    found = []
    with (DATA / "hotel_restaurant" / "dialogues_387.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            said = _letters(case["Context"])
            snippets = re.findall(r"Q: .*?(?= [QR]: |$)", case["Knowledge"])
            gold = [row for snippet in snippets for row in rows.get(_letters(snippet), ()) if _named(row, said)]
            if gold:
                turns = case["Context"].split(" EOS ")
                messages = tuple(
                    ChatMessage("user" if (len(turns) - number) % 2 else "assistant", text)
                    for number, text in enumerate(turns)
                )
                places = frozenset(row["entity"] for row in gold)
                found.append(Dialogue(messages, frozenset(row["id"] for row in gold), places))
    return found


def spoken(dialogue: Dialogue, chance: random.Random) -> Dialogue:
    """The dialogue as speech recognition might write it: each rarer word of its places may be misheard."""
    rare = {word for place in dialogue.places for word in spoken_words(place) if len(word) > 4}
    messages = []
    for message in dialogue.messages:
        heard = [
            _misheard(w, chance) if w in rare and chance.random() < 0.6 else w for w in spoken_words(message.content)
        ]
        messages.append(ChatMessage(message.role, " ".join(heard)))
    return Dialogue(tuple(messages), dialogue.gold, dialogue.places)


def _misheard(word: str, chance: random.Random) -> str:
    """One change by sound and perhaps a split, never at the first letter."""
    possible = [(at, old, new) for old, new in _SWAPS for at in range(1, len(word)) if word.startswith(old, at)]
    if possible:
        at, old, new = chance.choice(possible)
        word = word[:at] + new + word[at + len(old) :]
    cut = chance.randrange(2, len(word) - 1)
    return f"{word[:cut]} {word[cut:]}" if chance.random() < 0.4 else word


def measure(name: str, retriever: Retriever, cases: Sequence[Dialogue]) -> None:
    """Print how often the answer and its place come first."""
    understood = [understand(case.messages) for case in cases]
    found = retriever.search_many(
        [u.topic for u in understood], 5, [u.said for u in understood], [u.question for u in understood]
    )
    alone = retriever.search_many([case.messages[-1].content for case in cases], 5)
    whole = retriever.search_many([" ".join(m.content for m in case.messages)[-2000:] for case in cases], 5)
    for method, results in (("last message alone", alone), ("whole dialogue as one text", whole), ("ours", found)):
        ranks = [first_rank(_ids(r), case.gold) for r, case in zip(results, cases, strict=True)]
        places = [bool(r.hits) and r.hits[0].passage.entity in c.places for r, c in zip(results, cases, strict=True)]
        print(
            f"{name:8} {method:28} n {len(cases)}  R@1 {recall_at(ranks, 1):.3f}  R@5 {recall_at(ranks, 5):.3f}"
            f"  right place first {sum(places) / len(places):.3f}",
            flush=True,
        )


def _ids(result: SearchResult) -> list[str]:
    return [hit.passage.document_id for hit in result.hits]


def _named(row: dict[str, Any], said: str) -> bool:
    return "entity" in row and _letters(re.sub(r"^the ", "", row["entity"].lower())) in said


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text).lower()


def main() -> None:
    """Write the FAQ, or measure on the home that holds them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("home", type=Path, help="home into which the FAQ were ingested")
    parser.add_argument("--write-faq", type=Path, help="write the FAQ to this .jsonl and stop")
    options = parser.parse_args()
    if options.write_faq:
        options.write_faq.write_text("".join(json.dumps(row) + "\n" for row in faq_rows()), encoding="utf-8")
        return
    retriever = build_retriever(load_settings(options.home))
    written = dialogues()
    measure("written", retriever, written)
    chance = random.Random(0)
    measure("spoken", retriever, [spoken(case, chance) for case in written for _ in range(3)])


if __name__ == "__main__":
    main()
