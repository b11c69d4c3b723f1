"""Examples become tokens rendered as in serving, with the loss on the reply and its end of turn only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from assistant.engines import ChatMessage
from assistant.errors import InvalidInput
from assistant.phrases import phrases
from assistant.prompt import render
from retrieval.documents import Hit
from tests.tiny_models import tiny_llama
from tests.tuning_data import example, examples, passage
from training.dataset import Encoded, Encoder, merge_nested, with_unanswerable
from training.tuned_model import load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    return load_tokenizer(tiny_llama(tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def encoder(tokenizer: PreTrainedTokenizerBase) -> Encoder:
    return Encoder(tokenizer, "Lantern", max_tokens=400, history_tokens=60)


def carrying_loss(row: Encoded) -> list[int]:
    return [token for start, end in row.spans for token in row.ids[start:end]]


def talk(*texts: str) -> tuple[ChatMessage, ...]:
    return tuple(ChatMessage("assistant" if i % 2 else "user", text) for i, text in enumerate(texts))


def test_the_loss_is_on_the_reply_and_its_end_of_turn_only(
    encoder: Encoder, tokenizer: PreTrainedTokenizerBase
) -> None:
    row = encoder.encode(example(1))
    assert row is not None
    assert tokenizer.decode(carrying_loss(row)) == "Your refund is on its way.<|im_end|>"
    assert carrying_loss(row)[-1] == tokenizer.eos_token_id
    assert row.ids[-1] == tokenizer.eos_token_id


def test_the_prompt_is_what_serving_renders(encoder: Encoder, tokenizer: PreTrainedTokenizerBase) -> None:
    given = example(1)
    row = encoder.encode(given)
    assert row is not None
    messages = render(given.messages, [Hit(p, 1.0) for p in given.passages], "Lantern", "en")
    plain = [{"role": m.role, "content": m.content} for m in messages]
    expected = tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=True)
    assert tokenizer.decode(row.ids[: row.spans[0][0]]) == expected
    assert expected == encoder.prompt(given.messages, [Hit(p, 1.0) for p in given.passages], "en")


def test_a_general_example_keeps_the_base_models_own_format(
    encoder: Encoder, tokenizer: PreTrainedTokenizerBase
) -> None:
    row = encoder.encode(replace(example(0), kind="general"))
    assert row is not None
    assert tokenizer.decode(row.ids).startswith("<|im_start|>user\nWhere is my parcel?")


def test_older_turns_beyond_the_window_are_left_out(encoder: Encoder, tokenizer: PreTrainedTokenizerBase) -> None:
    long = "the customer asked about the information " * 6
    given = replace(example(0), messages=talk(f"FIRST {long}", f"SECOND {long}", "THIRD?", "FOURTH.", "FIFTH?"))
    row = encoder.encode(given)
    assert row is not None
    text = tokenizer.decode(row.ids)
    assert "FIRST" not in text and "SECOND" not in text
    assert "THIRD?" in text and "FIFTH?" in text


def test_passages_give_way_before_the_question(encoder: Encoder, tokenizer: PreTrainedTokenizerBase) -> None:
    long = "information about the question " * 12
    given = replace(example(0), passages=tuple(passage(f"N{i} {long}", i) for i in range(5)))
    row = encoder.encode(given)
    assert row is not None and len(row.ids) <= 400
    text = tokenizer.decode(row.ids)
    assert "N0" in text and "N4" not in text and "Where is my parcel?" in text


def test_what_cannot_fit_is_dropped(encoder: Encoder) -> None:
    assert encoder.encode(replace(example(0), reply="very long " * 400)) is None


def test_a_template_that_changes_the_reply_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer)
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] + m['content']|upper }}{% endfor %}"
    with pytest.raises(InvalidInput, match="chat template"):
        Encoder(tokenizer, "Lantern", 400, 60).encode(example(0))


def test_a_tokenizer_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(InvalidInput, match="no chat template"):
        load_tokenizer(folder)


def test_turns_of_one_conversation_are_computed_once(encoder: Encoder) -> None:
    first = replace(example(0), messages=talk("Where is it?"), reply="On its way.")
    second = replace(example(0), messages=talk("Where is it?", "On its way.", "Since when?"), reply="Two days.")
    rows = [row for given in (first, second) if (row := encoder.encode(given))]
    (merged,) = merge_nested(rows)
    assert merged.ids == rows[1].ids
    assert merged.spans == (*rows[0].spans, *rows[1].spans)
    assert merged.targets == rows[0].targets + rows[1].targets


def test_different_conversations_and_duplicates_stay_apart(encoder: Encoder) -> None:
    rows = [row for i in (0, 1, 0) if (row := encoder.encode(example(i)))]
    assert sorted(merge_nested(rows), key=lambda r: r.ids) == sorted(rows, key=lambda r: r.ids)


def test_unanswerable_examples_get_strange_passages_and_the_products_own_words() -> None:
    given = examples()
    made = with_unanswerable(given, share=0.5, seed=1)
    added = made[len(given) :]
    assert made[: len(given)] == given
    assert len(added) == 5  # half of the ten examples with passages
    assert {one.reply for one in added} == {phrases("en").dont_know}
    assert all(one.kind == "unanswerable" for one in added)
    assert not any(one.messages[0].content.split()[-1].rstrip("?") in one.passages[0].text for one in added)
    assert with_unanswerable(given, share=0.5, seed=1) == made
