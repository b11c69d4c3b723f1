from __future__ import annotations

import pytest

from retrieval.scripts import is_foreign, simplified


@pytest.mark.parametrize("text", ["退货", "iPhone 怎么退货？", "Как вернуть товар?", "返品したい", "반품", "كيف"])
def test_other_scripts_are_foreign_even_beside_brand_names(text: str) -> None:
    assert is_foreign(text)


@pytest.mark.parametrize(
    "text", ["How do I return it?", "¿Dónde está mi pedido?", "Pay by card or with 支付宝 at our till.", "123 €", ""]
)
def test_latin_text_is_not_foreign(text: str) -> None:
    assert not is_foreign(text)


def test_traditional_becomes_simplified_and_the_rest_stays() -> None:
    assert simplified("請問運費是多少？Visa") == "请问运费是多少？Visa"
    assert simplified("plain") == "plain"
