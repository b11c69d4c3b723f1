"""Masking: one placeholder for one thing, no collisions, the company's own data kept, bounded work."""

from __future__ import annotations

import time

import pytest

from assistant.errors import InvalidInput
from assistant.privacy import LONGEST, Masker, MaskRules


def test_the_same_thing_gets_the_same_placeholder_throughout_a_conversation() -> None:
    masker = Masker()
    first = masker.mask("Write to ann@example.org or bob@example.org")
    assert first == "Write to [EMAIL_1] or [EMAIL_2]"
    assert masker.mask("Again: ANN@example.org") == "Again: [EMAIL_1]"


def test_numbers_are_the_same_however_they_are_spaced() -> None:
    assert Masker().mask("call 555-123-4567, that is (555) 123 4567") == "call [PHONE_1], that is [PHONE_1]"


def test_two_conversations_count_separately() -> None:
    assert Masker().mask("a@example.org") == Masker().mask("b@example.org") == "[EMAIL_1]"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["I typed [EMAIL_1] myself, mine is a@example.org"], ["I typed [EMAIL_1] myself, mine is [EMAIL_2]"]),
        (["mine is a@example.org", "I typed [EMAIL_1]"], ["mine is [EMAIL_1]", "I typed [EMAIL_2]"]),
        (["[EMAIL_2] and a@example.org and b@example.org"], ["[EMAIL_1] and [EMAIL_2] and [EMAIL_3]"]),
    ],
)
def test_a_typed_placeholder_is_never_confused_with_a_masked_one(texts: list[str], expected: list[str]) -> None:
    masker = Masker()
    masked = [masker.mask(text) for text in texts]
    assert masked == expected
    assert [masker.unmask(text) for text in masked] == texts


def test_masking_what_is_masked_changes_nothing() -> None:
    masked = Masker().mask("Mail a@example.org or b@example.org, call 555-123-4567")
    assert Masker().mask(masked) == masked


def test_the_originals_can_be_put_back() -> None:
    text = "I'm Anna Kowalska, card 4111 1111 1111 1111, order #AB-12345, from 10.1.2.3"
    masker = Masker()
    masked = masker.mask(text)
    assert masked == "I'm [NAME_1], card [CARD_1], order #[ORDER_1], from [IP_1]"
    assert masker.unmask(masked) == text


def test_a_name_given_away_later_is_masked_earlier_too() -> None:
    masked = Masker().mask_all(["ulrika here, where is my parcel?", "Hello", "My name is Ulrika Zxqvander"])
    assert masked[0] == "[NAME_1] here, where is my parcel?"
    assert masked[2] == "My name is [NAME_2]"


def test_authors_named_by_the_log_are_masked_wherever_they_occur() -> None:
    assert Masker(names=["Qorvex Lumm"]).mask("thanks qorvex!") == "thanks [NAME_1]!"


def test_a_known_name_that_is_a_word_needs_its_capital() -> None:
    masker = Masker(names=["Mark"])
    assert masker.mask("Please mark it as paid. Mark will check.") == "Please mark it as paid. [NAME_1] will check."


def test_what_the_company_keeps_is_kept() -> None:
    rules = MaskRules(keep=frozenset({"help@shop.example", "shop.example.com", "+1 800 555 0100", "Avios"}))
    kept = "Mail help@shop.example, see https://www.shop.example.com/faq, call 1-800-555-0100... or +1 800-555-0100"
    masked = Masker(rules).mask(kept + ". Spend your Avios at https://shop.example.com.evil.org/x")
    assert "help@shop.example," in masked
    assert "https://www.shop.example.com/faq," in masked
    assert "or +1 800-555-0100" in masked
    assert "your Avios at [URL_1]" in masked


def test_order_numbers_follow_the_company_s_patterns() -> None:
    rules = MaskRules(order_patterns=(r"\b(?P<value>LL\d{6})\b",))
    assert Masker(rules).mask("parcel LL123456 left") == "parcel [ORDER_1] left"


@pytest.mark.parametrize("pattern", ["(", "order (\\d+)"])
def test_an_unusable_order_pattern_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(InvalidInput, match="order pattern"):
        Masker(MaskRules(order_patterns=(pattern,))).mask("x")


def test_text_without_personal_data_is_untouched() -> None:
    text = "Mark the box as fragile. Will it arrive in May? It cost $1,200.00 on 11/10/2017 at 10:30, flight DL4047."
    assert Masker().mask(text) == text


def test_long_texts_are_masked_to_the_end() -> None:
    text = "word " * (LONGEST // 4) + "mail a@example.org"
    assert Masker().mask(text).endswith("word mail [EMAIL_1]")


@pytest.mark.parametrize(
    "text",
    [
        *(part * 15_000 for part in ("1-", "a@a.", "1 ", "AB12", "via ", "o'", "Aa ", "路1号", "1a:")),
        *(part * 8_000 for part in ("12 a st, ", "[EMAIL_", "http://", "a (at) ", "name is ")),
        *(part * 50_000 for part in (":", "王", "1", "(", " ", "@")),
        "x" * 50_000 + "@",
        "12 Main Street" + " " * 50_000,
        "12 Main Street" + "\nPlace" * 10_000,
    ],
    ids=lambda text: text[:7],
)
def test_hostile_texts_cost_linear_time(text: str) -> None:
    start = time.process_time()
    Masker().mask(text)
    assert time.process_time() - start < 3


def test_chinese_conversations_are_masked() -> None:
    masker = Masker()
    assert (
        masker.mask("我叫王小明，手机13812345678，身份证11010519491231002X")
        == "我叫[NAME_1]，手机[PHONE_1]，身份证[ID_1]"
    )
    assert masker.mask("王小明先生，订单号：AB123456789已发往上海市浦东新区世纪大道100号3号楼502室") == (
        "[NAME_1]先生，订单号：[ORDER_1]已发往[ADDRESS_1]"
    )
    assert masker.mask("您好，门票60元，评分4.5分，谢谢小姐姐") == "您好，门票60元，评分4.5分，谢谢小姐姐"
