"""What an adapter learns in minutes: perplexity and ROUGE before and after, on conversations it never saw.

    python -m benchmarks.train_quality airline|hotel --home HOME [--recipe FILE]

airline: real airline logs without passages; hotel: replies grounded on given review sentences and FAQ, trained on nine
tenths of the development data. Data: `ASSISTANT_DATA`, by default
../shared/data. Models are fetched into HOME.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.engines import ChatMessage
from assistant.phrases import phrases
from assistant.settings import Settings, load_settings
from benchmarks.development_sets import DATA
from retrieval.documents import Passage
from training.appraisal import BASE, appraise, reference_perplexity
from training.cases import Case, cases_of
from training.dataset import with_unanswerable
from training.examples import Example, Split
from training.lora import TrainingProgress
from training.recipe import Recipe, load_recipe
from training.report import compare, html, markdown
from training.tuning import tune

CONVERSATIONS = 2600  # about 18 minutes on two cores
MOST_PASSAGES = 5
OTHERS = 120  # cases with shuffled or insufficient passages


def rows(*parts: str) -> list[dict[str, Any]]:
    """Lines of a JSONL file below the data folder."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        sys.exit(f"{path} is missing; set ASSISTANT_DATA to the folder that holds {parts[0]}")
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def replies(talk: dict[str, Any], split: Split, most: int) -> list[Example]:
    """The first `most` agent replies of a conversation, each with what was said before."""
    said: list[ChatMessage] = []
    made: list[Example] = []
    for number, message in enumerate(talk["messages"]):
        if message["role"] == "assistant" and said and said[-1].role == "user" and len(made) < most:
            made.append(Example(f"{talk['id']}-{number}", talk["id"], tuple(said), message["content"], "en", split))
        said.append(ChatMessage(message["role"], message["content"]))
    return made


def airline() -> tuple[list[Example], list[Case]]:
    """Training examples of 2,500 conversations (100 more to validate with), and every first reply of the dev set."""
    talks = random.Random(0).sample(rows("airline_logs", "train.jsonl.gz"), CONVERSATIONS)
    examples = [e for i, talk in enumerate(talks) for e in replies(talk, "validation" if i < 100 else "train", 4)]
    cases = cases_of(e for talk in rows("airline_logs", "dev.jsonl.gz") for e in replies(talk, "validation", 1))
    return examples, cases


def passage(id: str, entity: str | None, text: str) -> Passage:
    """A review sentence or FAQ of a place."""
    name = " ".join(word.capitalize() for word in entity.split()) if entity else None
    return Passage(id, id, "", "hotel_restaurant", f"{name}: {text}" if name else text)


def hotel() -> tuple[list[Example], list[Case]]:
    """Single turns and dialogues with gold passages; every tenth single turn is held out."""
    singles = rows("hotel_restaurant", "single_turn.jsonl.gz")
    random.Random(0).shuffle(singles)
    examples: list[Example] = []
    held: list[Example] = []
    for number, row in enumerate(singles):
        nameless = number % 10 and number % 4 == 1  # so that passages without a name are understood too
        passages = tuple(
            passage(f"{number}#{i}", None if nameless else item["entity"], item["text"])
            for i, item in enumerate(row["knowledge"][:MOST_PASSAGES])
        )
        name = f"single-{number}"
        made = Example(name, name, (ChatMessage("user", row["question"]),), row["reply"], "en", "train", passages)
        (held if number % 10 == 0 else examples).append(made)
    for number, row in enumerate(rows("hotel_restaurant", "dialogues_387.jsonl")):
        turns = [turn.strip() for turn in row["Context"].split("EOS")][-3:]
        roles = ["user", "assistant", "user"][-len(turns) :]
        history = tuple(ChatMessage(role, text) for role, text in zip(roles, turns, strict=True))  # type: ignore[arg-type]
        texts = [text.strip() for text in row["Knowledge"].replace(" F: ", " R: ").split("R: ") if text.strip()]
        passages = tuple(passage(f"d{number}#{i}", None, text) for i, text in enumerate(texts[:MOST_PASSAGES]))
        name = f"dialogue-{number}"
        examples.append(Example(name, name, history, row["Response"], "en", "train", passages))
    validation = [replace(example, split="validation") for example in examples[7::40]]
    kept = {example.id for example in validation}
    return [e for e in examples if e.id not in kept] + validation, cases_of(held)


def shuffled(cases: Sequence[Case]) -> list[Case]:
    """The same questions with each other's passages: a grounded model must do worse."""
    moved = [*cases[1:], cases[0]]
    return [replace(case, passages=other.passages) for case, other in zip(cases, moved, strict=True)]


def unanswerable(cases: Sequence[Case]) -> list[Case]:
    """Questions whose passages share no content word with them."""
    made = with_unanswerable([replace(case.example(), split="train") for case in cases], 1.0, seed=5)[len(cases) :]
    return [Case(e.id, e.messages, phrases("en").dont_know, e.passages, unanswerable=True) for e in made]


def told(progress: TrainingProgress) -> None:
    """One line every tenth step and validation."""
    if progress.step % 10 == 0 or progress.validation_loss is not None:
        check = f" validation {progress.validation_loss:.3f}" if progress.validation_loss else ""
        print(
            f"step {progress.step}/{progress.steps} loss {progress.train_loss:.3f}{check} "
            f"{progress.tokens_per_second:.0f} tokens/s, {progress.seconds_left / 60:.1f} min left",
            flush=True,
        )


def report(settings: Settings, adapter: str, name: str, cases: list[Case], most: int) -> None:
    """Print perplexity and scores of base and adapter, and write the side-by-side report."""
    for who in (BASE, adapter):
        found = reference_perplexity(settings, who, cases)
        print(
            f"{who}: perplexity {found.perplexity:.2f} over {found.tokens} tokens of {len(cases)} replies", flush=True
        )
    sample = cases if len(cases) <= most else random.Random(1).sample(cases, most)
    parts = {"gold": sample}
    if any(case.passages for case in sample):
        parts |= {"shuffled passages": shuffled(sample)[:OTHERS], "unanswerable": unanswerable(sample)[:OTHERS]}
    cards = {
        (who, part): asyncio.run(appraise(settings, who, chosen, with_perplexity=False))
        for who in (BASE, adapter)
        for part, chosen in parts.items()
    }
    for part in parts:
        for who in (BASE, adapter):
            print(part, json.dumps(cards[who, part].to_dict()), flush=True)
    comparison = compare(cards[BASE, "gold"], cards[adapter, "gold"])
    target = settings.home / f"{name}-{adapter}"
    target.with_suffix(".md").write_text(markdown(comparison), "utf-8")
    target.with_suffix(".html").write_text(html(comparison), "utf-8")
    print(f"report: {target}.html", flush=True)


def main() -> None:
    """Train and report one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["airline", "hotel"])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--adapter", help="score this adapter instead of training one")
    parser.add_argument("--train-only", action="store_true", help="leave the scoring for later")
    parser.add_argument("--most", type=int, default=500, help="cases that are answered (perplexity is of all)")
    given = parser.parse_args()
    settings = load_settings(given.home, company="the airline" if given.what == "airline" else "the travel desk")
    recipe = load_recipe(given.recipe) if given.recipe else Recipe()
    examples, cases = airline() if given.what == "airline" else hotel()
    adapter = given.adapter
    if not adapter:
        started = time.monotonic()
        tuned = tune(settings, recipe, examples, sources=(given.what,), watch=told)
        if tuned is None:
            return
        adapter = tuned.id
        print(f"trained {adapter} in {(time.monotonic() - started) / 60:.1f} minutes: {tuned.figures}", flush=True)
    if not given.train_only:
        report(settings, adapter, given.what, cases, given.most)


if __name__ == "__main__":
    main()
