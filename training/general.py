"""Examples with the base model's own replies, mixed into training so that tuning does not unlearn what it could do.

General questions, and questions about passages (training/grounded.py). The replies come from the model that is about
to be tuned, so no other data set or licence is involved.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from assistant.engines import ChatMessage
from retrieval.documents import Hit
from training.dataset import Encoder
from training.examples import Example, read_examples, write_examples
from training.greedy import greedy_replies
from training.grounded import with_replies
from training.tuned_model import TunedModel

REPLY_TOKENS = 64
QUESTIONS = (
    "What is the capital of France?",
    "How many days are there in a leap year?",
    "What is 15 plus 27?",
    "What is half of 90?",
    "Name three primary colors.",
    "What language is spoken in Brazil?",
    "Which planet is closest to the sun?",
    "What do bees make?",
    "Who wrote Romeo and Juliet?",
    "What is the boiling point of water in Celsius?",
    "Name two animals that live in the sea.",
    "What is the opposite of cold?",
    "How do you spell the number 8?",
    "What season comes after winter?",
    "What does a baker do?",
    "Explain in one sentence why the sky is blue.",
    "Explain in one sentence what a computer is.",
    "Explain in one sentence what recycling means.",
    "What is a synonym for happy?",
    "Give me a polite way to say no to an invitation.",
    "Write one sentence to thank a colleague for their help.",
    "Write one sentence to congratulate a friend on a new job.",
    "Write a short birthday wish.",
    "Write a one-sentence reminder about a meeting at 3 pm.",
    "Rewrite more politely: Send me the file now.",
    "Rewrite in the past tense: She walks to school.",
    "Correct the grammar: He go to work every day.",
    "Summarize in one sentence: The store opens at nine and closes at six, and it is closed on Sundays.",
    "Summarize in one sentence: The trip was long, but the children were happy when they saw the beach.",
    "Is a tomato a fruit or a vegetable?",
    "Which is heavier, a kilogram of iron or a kilogram of feathers?",
    "If today is Monday, what day is tomorrow?",
    "If I have three apples and eat one, how many are left?",
    "List three things to pack for a rainy day.",
    "Give me two tips for sleeping better.",
    "Give me two tips for saving water at home.",
    "What is a good breakfast before a long walk?",
    "How can I learn new words in a foreign language?",
    "What should I do if I cut my finger slightly?",
    "What is an example of a renewable source of energy?",
    "What is the difference between a lake and a river?",
    "What does the word 'warranty' mean?",
    "What does the word 'refund' mean?",
    "Turn this into a question: You like music.",
    "Finish the sentence: The early bird ...",
    "Say hello in Spanish.",
    "What is the largest ocean on Earth?",
    "Why do people wear seat belts?",
)


def general_examples(
    model: TunedModel, tokenizer: PreTrainedTokenizerBase, encoder: Encoder, count: int, cache: Path
) -> list[Example]:
    """At most `count` general examples, replied to by the base model inside `model`, which must be untrained.

    Kept in the JSONL file `cache`, so that a resumed run learns from the same ones.
    """
    questions = QUESTIONS[:count]

    def made() -> list[Example]:
        replies = _base_replies(model, tokenizer, [encoder.bare_prompt(question) for question in questions])
        return [_example(i, asked, reply) for i, (asked, reply) in enumerate(zip(questions, replies, strict=True))]

    return _once(cache, made) if questions else []


def grounded_replied(
    grounded: Sequence[Example], model: TunedModel, tokenizer: PreTrainedTokenizerBase, encoder: Encoder, cache: Path
) -> list[Example]:
    """The grounded examples, those without a reply answered by the base model; kept in `cache` as above."""

    def written(bare: Sequence[Example]) -> list[str]:
        prompts = [
            encoder.prompt(example.messages, [Hit(passage, 1.0) for passage in example.passages], example.language)
            for example in bare
        ]
        return _base_replies(model, tokenizer, prompts)

    return _once(cache, lambda: with_replies(grounded, written)) if grounded else []


def _base_replies(model: TunedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> list[str]:
    with model.base_only():
        return greedy_replies(model, tokenizer, prompts, REPLY_TOKENS)


def _once(cache: Path, make: Callable[[], list[Example]]) -> list[Example]:
    """The examples in the file, made and written first where it is not there; those without a reply are left out."""
    if not cache.is_file():
        partial = cache.with_suffix(f".{os.getpid()}")  # several processes may train together
        write_examples(partial, [example for example in make() if example.reply])
        partial.replace(cache)
    return list(read_examples(cache))


def _example(number: int, question: str, reply: str) -> Example:
    """The question and the finished sentences of the reply."""
    ends = [match.end() for match in re.finditer(r"[.!?](?=\s|$)", reply)]
    name = f"general-{number}"
    messages = (ChatMessage("user", question),)
    return Example(name, name, messages, reply[: ends[-1]] if ends else "", "en", "train", kind="general")
