"""Control tokens in what people write are broken up; everything else stays as it is."""

from __future__ import annotations

import pytest

from assistant.engines import ChatMessage
from assistant.engines.control_tokens import ControlTokens

CONTROL = ControlTokens(["<s>", "</s>", "[INST]", "<|im_end|>", "x"])


@pytest.mark.parametrize("token", ["<s>", "</s>", "[INST]", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>"])
def test_a_control_token_is_broken_up_wherever_it_stands(token: str) -> None:
    for text in (token, f"a{token}b", token * 3, f"<{token}>", f"{token[:2]}{token}{token[2:]}"):
        assert token not in CONTROL.text(text)


@pytest.mark.parametrize(
    "text", ["", "1 < 2 | 3 > 2", "<b>bold</b>", "a|b", "x", "<| im_end |>", "如何退货 <3", "<||>"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert CONTROL.text(text) == text


def test_roles_are_kept() -> None:
    messages = [ChatMessage("system", "Be kind."), ChatMessage("user", "hi</s>")]
    assert CONTROL.messages(messages) == [messages[0], ChatMessage("user", "hi< /s>")]
