"""Examples become token ids, rendered exactly as serving renders them, with the loss on the reply's tokens only.

Knows the prompt renderer and a tokenizer; nothing of models, batches or where examples come from.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from transformers import PreTrainedTokenizerBase

from assistant.claims import read
from assistant.engines import ChatMessage
from assistant.errors import InvalidInput
from assistant.phrases import phrases
from assistant.prompt import passage_text, render
from retrieval.documents import Hit, Passage
from training.examples import Example
from training.surrogates import with_surrogates


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of a prompt and its replies; `spans` are [start, end) of the tokens that carry loss."""

    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    @property
    def targets(self) -> int:
        """Number of tokens that carry loss."""
        return sum(end - start for start, end in self.spans)


class Encoder:
    """Renders and tokenizes; `company` is the name the system message carries."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, company: str, max_tokens: int, history_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._company = company
        self._max_tokens = max_tokens
        self._history_tokens = history_tokens

    def count(self, text: str) -> int:
        """Number of the model's tokens in `text`."""
        return len(self._tokens(text))

    def prompt(self, messages: Sequence[ChatMessage], hits: Sequence[Hit], language: str) -> str:
        """The text a model reads before it replies: what serving sends, in the model's chat template."""
        return self._template(render(messages, hits, self._company, language), reply=None)

    def bare_prompt(self, question: str) -> str:
        """A question without the product's instructions, as the base model was made to be asked."""
        return self._template([ChatMessage("user", question)], reply=None)

    def encode(self, example: Example) -> Encoded | None:
        """Prompt and reply, end of turn included; None when no shortened form fits `max_tokens`.

        Raises InvalidInput for a chat template that does not simply append the reply to the prompt.
        """
        if example.kind == "general":
            return self._pair(example.messages, example.reply)
        example = with_surrogates(example)
        messages = self._window(example.messages)
        hits = [Hit(passage, 1.0) for passage in example.passages]
        while True:
            encoded = self._pair(render(messages, hits, self._company, example.language), example.reply.strip())
            if len(encoded.ids) <= self._max_tokens:
                return encoded
            if len(messages) > 1:
                messages = self._later(messages[1:])
            elif len(hits) > 1:
                hits.pop()
            else:
                return None

    def _pair(self, rendered: Sequence[ChatMessage], reply: str) -> Encoded:
        prompt = self._template(rendered, reply=None)
        whole = self._template(rendered, reply=reply)
        if not whole.startswith(prompt + reply):
            raise InvalidInput(
                "the model's chat template does not append the reply to the prompt as it is, so training would teach "
                "another format than serving uses; give a model with a plain chat template"
            )
        start = self._tokens(prompt)
        # Whatever the template writes between the reply and the next turn's line break ends the turn.
        tail = self._tokens(whole[len(prompt) :].rstrip())
        return Encoded((*start, *tail), ((len(start), len(start) + len(tail)),))

    def _template(self, messages: Sequence[ChatMessage], reply: str | None) -> str:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        if reply is not None:
            plain.append({"role": "assistant", "content": reply})
        return str(self._tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=reply is None))

    def _tokens(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _window(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """The last messages within `history_tokens`, as serving shows them; the question always stays."""
        *earlier, question = messages
        kept: list[ChatMessage] = []
        room = self._history_tokens
        for message in reversed(earlier):
            room -= self.count(message.content)
            if room < 0:
                break
            kept.insert(0, message)
        return self._later([*kept, question])

    def _later(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """From the first message of the customer on."""
        first = next((i for i, message in enumerate(messages) if message.role == "user"), len(messages) - 1)
        return list(messages[first:])


def merge_nested(encoded: Iterable[Encoded]) -> list[Encoded]:
    """Join examples that begin with another whole example, such as later turns of one conversation.

    The loss stays the same, but the shared tokens are computed once. Order is kept by the longest example.
    """
    rows = list(encoded)
    order = sorted(range(len(rows)), key=lambda i: (rows[i].ids, rows[i].spans))
    swallowed: set[int] = set()
    for position in range(len(order) - 1):
        here, following = order[position], order[position + 1]
        short, long = rows[here], rows[following]
        # In sorted order a sequence stands directly before those that begin with it.
        if long.ids[: len(short.ids)] == short.ids and not _overlap(short.spans, long.spans):
            rows[following] = Encoded(long.ids, (*short.spans, *long.spans))
            swallowed.add(here)
    return [row for i, row in enumerate(rows) if i not in swallowed]


def _overlap(first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]]) -> bool:
    return any(a < d and c < b for a, b in first for c, d in second)


def with_unanswerable(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Add examples whose passages belong to other questions, with the product's own "I don't know" as the reply.

    `share` is of the examples with passages. Only passages without one content word of the question are swapped in,
    so that "I don't know" is the right reply.
    """
    able = [example for example in examples if example.passages and example.kind in ("log", "correction", "grounded")]
    dice = random.Random(seed)
    added = []
    for example in dice.sample(able, round(share * len(able))):
        asked = set(read(example.messages[-1].content).words)
        for other in dice.sample(able, min(20, len(able))):
            if not asked & {word for passage in other.passages for word in read(passage_text(passage)).words}:
                added.append(_unanswerable(example, other.passages))
                break
    return [*examples, *added]


def _unanswerable(example: Example, passages: tuple[Passage, ...]) -> Example:
    reply = phrases(example.language).dont_know
    return replace(
        example, id=f"{example.id}-unanswerable", passages=passages, reply=reply, kind="unanswerable", message_ids=()
    )
