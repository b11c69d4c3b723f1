"""Training examples survive JSON Lines, and approvals can bind to what they teach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.engines import ChatMessage
from assistant.errors import InvalidInput
from retrieval.documents import Passage
from training.examples import Example, read_examples, write_examples

EXAMPLE = Example(
    id="e1",
    conversation_id="c1",
    messages=(ChatMessage("user", "可以退货吗？"),),
    reply="Yes, within 30 days.",
    language="en",
    split="train",
    passages=(Passage("d#0", "d", "Returns", "kb", "30 days", heading_path=("Returns",), tags=("a",)),),
    kind="correction",
    message_ids=("m1", "m2"),
)


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    assert write_examples(path, [EXAMPLE, replace(EXAMPLE, id="e2")]) == 2
    assert list(read_examples(path)) == [EXAMPLE, replace(EXAMPLE, id="e2")]


def test_the_content_hash_covers_what_is_taught_and_nothing_else() -> None:
    same = replace(EXAMPLE, id="x", conversation_id="x", split="validation", message_ids=(), language="zh")
    assert same.content_hash == EXAMPLE.content_hash
    changed = [
        replace(EXAMPLE, reply="No."),
        replace(EXAMPLE, messages=(ChatMessage("user", "?"),)),
        replace(EXAMPLE, passages=()),
        replace(EXAMPLE, kind="log"),
    ]
    assert len({example.content_hash for example in [EXAMPLE, *changed]}) == 5


@pytest.mark.parametrize("line", ["{", "[]", "5", '{"id": "x"}', '{"messages": 5}', '{"messages": [], "oddity": 1}'])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "e.jsonl"
    write_examples(path, [EXAMPLE])
    path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")
    with pytest.raises(InvalidInput, match="line 2"):
        list(read_examples(path))
