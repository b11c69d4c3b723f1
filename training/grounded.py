"""Questions with passages and replies out of them, trained on beside a log so that using passages is not unlearnt.

A log whose replies come from people's heads teaches to ignore what stands in the prompt. Against that stand the
company's own knowledge base: FAQ entries with their approved answers, headings of other documents with what the
base model says of them as far as the passage says it too; and made-up samples where there is too little of either.
Knows the retriever and grounding; nothing of tokens or of how a model is trained.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from assistant.claims import read, sentences
from assistant.engines import ChatMessage
from assistant.grounding import SUBSTANCE, Grounding
from assistant.language import language_of
from assistant.settings import Settings
from assistant.wiring import build_retriever
from retrieval.documents import Hit, Passage
from retrieval.index import current_version
from retrieval.search import Retriever
from training.examples import Example
from training.grounded_samples import SAMPLES, Sample

WRITTEN = 32  # replies that the base model writes at most; the other documents are quoted
LONGEST = 60  # words of a reply (three characters of Chinese count as two)
ASKED_OF_HEADING = {
    "en": ("What can you tell me about {topic}?", "I have a question about {topic}.", "{topic}: how does that work?"),
    "zh": ("请介绍一下{topic}。", "我想了解{topic}。"),
}

Replies = Callable[[Sequence[Example]], Sequence[str]]


def grounded_examples(settings: Settings, count: int, seed: int) -> list[Example]:
    """`count` examples, out of the knowledge base as far as it has that many.

    Those of documents have no reply yet: `with_replies` gives them one. Raises what opening a damaged index raises.
    """
    if not count:
        return []
    ingested = current_version(settings.index_folder) is not None
    own = of_knowledge(build_retriever(settings), settings, count, seed) if ingested else []
    return own + of_samples(min(count - len(own), len(SAMPLES)), seed)


def of_knowledge(retriever: Retriever, settings: Settings, count: int, seed: int) -> list[Example]:
    """At most `count` questions of the knowledge base, evenly over its passages, each with what a turn would show."""
    chosen = list(_chosen(retriever.index.passages, settings.model_languages, count, seed))
    asked = [question for _, question in chosen]
    found = retriever.search_many(asked, settings.prompt_passages, [(question,) for question in asked], asked)
    return [
        _example(passage, question, _shown(passage, result.hits, settings.prompt_passages))
        for (passage, question), result in zip(chosen, found, strict=True)
    ]


def of_samples(count: int, seed: int) -> list[Example]:
    """At most `count` of the made-up samples, each beside the passage of another one."""
    dice = random.Random(seed)
    made = []
    for number, sample in enumerate(dice.sample(SAMPLES, count)):
        other = dice.choice([one for one in SAMPLES if one is not sample])
        passages = tuple(_sample_passage(one) for one in dice.sample([sample, other], 2))
        name, said = f"grounded-sample-{number}", (ChatMessage("user", sample.question),)
        made.append(Example(name, name, said, sample.reply, "en", "train", passages, kind="grounded"))
    return made


def with_replies(examples: Sequence[Example], base_replies: Replies) -> list[Example]:
    """Examples without a reply get the supported sentences of the base model's, or the passage's beginning."""
    bare = [example for example in examples if not example.reply]
    asked = bare[:WRITTEN]
    written = dict(zip((example.id for example in asked), base_replies(asked), strict=True)) if asked else {}
    return [e if e.reply else replace(e, reply=grounded_reply(written.get(e.id, ""), e)) for e in examples]


def grounded_reply(written: str, example: Example) -> str:
    """The sentences of `written` that the passages support; where that is none, how the asked passage begins."""
    grounding = Grounding([Hit(passage, 1.0) for passage in example.passages])
    stand = [sentence for sentence in sentences(written) if grounding.support(sentence)]
    own = next(passage for passage in example.passages if example.id == _id(passage))
    return " ".join(dict.fromkeys(stand)) or opening(own.text)


def opening(text: str) -> str:
    """The first whole sentences of at most LONGEST words; empty when the first one is longer or says nothing."""
    kept: list[str] = []
    room = LONGEST
    for sentence in sentences(text):
        room -= _length(sentence)
        if room < 0:
            break
        kept.append(sentence)
    told = " ".join(kept)
    return told if len(read(told).words) >= SUBSTANCE else ""


def _length(text: str) -> int:
    chinese = sum("㐀" <= character <= "鿿" for character in text)
    return len(text.split()) + chinese * 2 // 3


def _chosen(
    passages: Sequence[Passage], languages: Sequence[str], count: int, seed: int
) -> Iterator[tuple[Passage, str]]:
    """Passages that can be asked about in a language the model writes, with the question."""
    dice = random.Random(seed)
    left = count
    for number in dice.sample(range(len(passages)), len(passages)):
        if not left:
            return
        passage = passages[number]
        language = _language(passage)
        question = passage.question or _of_heading(passage, language, dice)
        if language in languages and question and opening(passage.text):
            left -= 1
            yield passage, question


def _of_heading(passage: Passage, language: str, dice: random.Random) -> str:
    topic = passage.heading_path[-1] if passage.heading_path else passage.title
    forms = ASKED_OF_HEADING.get(language, ())
    return dice.choice(forms).format(topic=topic) if topic and forms else ""


def _shown(passage: Passage, hits: Sequence[Hit], most: int) -> tuple[Passage, ...]:
    """What a turn would show, the asked passage always among it."""
    found = [hit.passage for hit in hits][:most]
    return tuple(found) if passage.id in {p.id for p in found} else (passage, *found[: most - 1])


def _example(passage: Passage, question: str, shown: tuple[Passage, ...]) -> Example:
    name, language = _id(passage), _language(passage)
    reply = opening(passage.text) if passage.question else ""
    return Example(name, name, (ChatMessage("user", question),), reply, language, "train", shown, kind="grounded")


def _id(passage: Passage) -> str:
    return f"grounded-{passage.id}"


def _language(passage: Passage) -> str:
    return (passage.language or language_of(passage.text))[:2]


def _sample_passage(sample: Sample) -> Passage:
    return Passage(f"sample#{SAMPLES.index(sample)}", "sample", sample.title, "sample", sample.text)
