"""What stands on a passage, what does not, and what is shown while a reply streams."""

from __future__ import annotations

import pytest

from assistant.grounding import GroundedStream, Grounding, says_nothing, sentences, share_supported
from retrieval.documents import Hit, Passage

RETURNS = Passage(
    "returns#0",
    "returns",
    "Returns",
    "shop",
    "You can return any item within 30 days. Plants cannot be returned. "
    "Refunds are paid within 5 working days to your card. Shipping costs £4.50 for the UK.",
    heading_path=("Returns",),
)
CHINESE = Passage("zh#0", "zh", "退货", "shop", "收到商品后30天内可以退货。植物不能退货。退款会在5个工作日内到账。")


def grounding(question: str = "Can I return a plant after 45 days?", passage: Passage = RETURNS) -> Grounding:
    return Grounding(question, [Hit(passage, 1.0)])


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("Yes, you can return items within 30 days.", "You can return any item within 30 days."),
        ("No, plants can't be returned.", "Plants cannot be returned."),
        ("Refunds are paid to your card in five working days.", "Refunds are paid within 5 working days to your card."),
        ("Shipping to the UK costs £4.50.", "Shipping costs £4.50 for the UK."),
    ],
)
def test_paraphrases_are_supported_and_quote_their_sentence(sentence: str, quote: str) -> None:
    found = grounding().support(sentence)
    assert found is not None and found.quote == quote and found.passage_id == "returns#0"


@pytest.mark.parametrize(
    "sentence",
    [
        "Yes, you can return a plant within 45 days.",  # a number that only the question has
        "Plants can be returned.",  # the opposite
        "You can call us on 020 7946 0000.",  # an invented number
        "Shipping to Norway costs £4.50.",  # an invented place
        "You will receive a free gift card with every refund.",
        "Write to help@elsewhere.example for a refund.",
    ],
)
def test_inventions_are_not_supported(sentence: str) -> None:
    assert grounding().support(sentence) is None


def test_chinese_sentences_are_checked_too() -> None:
    checks = grounding("植物可以退货吗？", CHINESE)
    assert checks.support("植物不能退货。") is not None
    assert checks.support("植物可以退货。") is None
    assert checks.support("收到商品后60天内可以退货。") is None


def test_pleasantries_state_nothing() -> None:
    assert says_nothing("I'm sorry to hear that.") and says_nothing("Would you like anything else?")
    assert not says_nothing("Plants cannot be returned.") and not says_nothing("Is it 45 days?")


def test_sentences_keep_decimals_and_abbreviations_together() -> None:
    assert sentences("It costs £4.50. See e.g. the list! 好的。谢谢") == [
        "It costs £4.50.",
        "See e.g. the list!",
        "好的。",
        "谢谢",
    ]


def stream(text: str) -> tuple[str, GroundedStream]:
    running = GroundedStream(grounding())
    shown = "".join(running.feed(text[i : i + 3]) for i in range(0, len(text), 3)) + running.finish()
    return shown, running


def test_a_grounded_reply_streams_through_unchanged() -> None:
    text = "Yes, you can return items within 30 days. Refunds are paid to your card within 5 working days."
    shown, running = stream(text)
    assert shown == text == running.text and running.failed is None and len(running.citations) == 2


def test_no_unknown_word_is_ever_shown() -> None:
    shown, running = stream("You can return items within 30 days. You will also receive a free umbrella. Bye.")
    assert "free" not in shown and "umbrella" not in shown
    assert running.text == "You can return items within 30 days."
    assert running.failed == "You will also receive a free umbrella."


def test_a_reply_that_repeats_itself_is_cut() -> None:
    _, running = stream("Plants cannot be returned. Plants cannot be returned. Plants cannot be returned.")
    assert running.text == "Plants cannot be returned." and running.failed == "Plants cannot be returned."


def test_share_supported_counts_statements_only() -> None:
    text = "I'm sorry to hear that. Plants cannot be returned. We have 12 shops in Rome."
    assert share_supported(text, [RETURNS]) == 0.5
    assert share_supported("Hello!", [RETURNS]) == 1.0
