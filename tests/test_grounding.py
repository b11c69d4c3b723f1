"""What stands on a passage, what does not, and what is shown while a reply streams."""

from __future__ import annotations

import pytest

from assistant.claims import sentences
from assistant.grounding import GroundedStream, Grounding, says_nothing, share_supported
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


def grounding(passage: Passage = RETURNS) -> Grounding:
    return Grounding([Hit(passage, 1.0)])


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("Yes, you can return items within 30 days.", "You can return any item within 30 days."),
        (
            "Refunds are paid within 5 working days to your card.",
            "Refunds are paid within 5 working days to your card.",
        ),
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


SHOP = Passage(
    "shop#0",
    "shop",
    "Prices, plants and points",
    "shop",
    "Safe for cats: spider plant and Boston fern. Poisonous for cats: snake plant and fiddle-leaf fig. "
    "Standard delivery to Ireland costs €4.50, express delivery costs €9.90. "
    "Sale items can be returned within the same 30 days. Clearance items can be returned within 14 days. "
    "Floor lamps take bulbs of at most 60 watts. 100 points become a €5 voucher. "
    "Water ferns every 5 days. Water monsteras every 7–10 days.",
)


@pytest.mark.parametrize(
    "sentence",
    [
        "The snake plant and fiddle-leaf fig are safe for cats.",
        "Express delivery to Ireland costs €4.50.",
        "Standard delivery costs €9.90.",
        "You can return sale items within 14 days.",
        "You need a 60-watt bulb.",
        "A point is worth €5.",
        "Water monsteras every 5 days.",
        "Water monsteras every 7 days.",
    ],
)
def test_facts_of_neighbouring_sentences_are_not_mixed(sentence: str) -> None:
    assert grounding(SHOP).support(sentence) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Express delivery costs €9.90.",
        "Standard delivery to Ireland costs €4.50.",
        "You can return clearance items within 14 days.",
        "Your bulbs may have at most 60 watts.",
        "Water your monsteras every 7-10 days.",
        "The spider plant and the Boston fern are safe for cats.",
    ],
)
def test_what_one_sentence_says_stands(sentence: str) -> None:
    assert grounding(SHOP).support(sentence) is not None


def test_a_repeated_heading_is_left_out() -> None:
    running = GroundedStream(grounding())
    shown = running.feed("Returns\nPlants cannot be returned. ") + running.finish()
    assert running.text == shown.strip() == "Plants cannot be returned." and running.failed is None


def test_the_question_said_again_is_left_out() -> None:
    running = GroundedStream(Grounding([Hit(RETURNS, 1.0)], question="Do you take plants back?"))
    running.feed("Do you take plants back? Plants cannot be returned. ")
    assert running.text == "Plants cannot be returned." and running.failed is None


def test_chinese_sentences_are_checked_too() -> None:
    checks = grounding(CHINESE)
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


def test_a_word_is_shown_as_far_as_it_can_become_one_of_the_passage() -> None:
    running = GroundedStream(grounding())
    shown = [running.feed(piece) for piece in ("Pl", "ants", " can", "not be", " ret", "icent")]
    assert shown == ["Pl", "ants", " can", "not be", " ret", ""]
    running = GroundedStream(grounding())
    assert [running.feed(piece) for piece in ("Within", " thirty", " 3", "0", " um")] == ["Within", "", "", "", ""]


def test_a_reply_that_repeats_itself_is_cut() -> None:
    _, running = stream("Plants cannot be returned. Plants cannot be returned. Plants cannot be returned.")
    assert running.text == "Plants cannot be returned." and running.failed == "Plants cannot be returned."


def test_share_supported_counts_statements_only() -> None:
    text = "I'm sorry to hear that. Plants cannot be returned. We have 12 shops in Rome."
    assert share_supported(text, [RETURNS]) == 0.5
    assert share_supported("Hello!", [RETURNS]) == 1.0


def test_what_a_figure_is_counted_from_is_not_taken_from_the_heading() -> None:
    text = "We refund within 5 working days of the parcel reaching our warehouse."
    passage = Passage("r#0", "r", "Returns", "kb", text, heading_path=("When a return is refunded",))
    grounding = Grounding([Hit(passage, 1.0)])
    assert grounding.support("We refund within 5 working days of your return.") is None
    assert (
        grounding.support("A return is refunded within 5 working days of the parcel reaching our warehouse.")
        is not None
    )
