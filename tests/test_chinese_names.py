"""Chinese names of people are found where they are introduced or addressed."""

from __future__ import annotations

import pytest

from assistant.chinese_names import find_chinese_names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我叫王小明，想退货", ["王小明"]),
        ("收货人：欧阳娜娜 电话", ["欧阳娜娜"]),
        ("请联系张伟女士", ["张伟"]),
        ("王先生您好，我是李小姐", ["王", "李"]),
        ("免贵姓陈", ["陈"]),
        ("我是赵敏，昨天订的票", ["赵敏"]),
    ],
)
def test_found(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in find_chinese_names(text)] == expected


@pytest.mark.parametrize(
    "text", ["谢谢小姐姐", "我是高兴的客户", "请问有什么可以帮您", "黄山的门票多少钱", "这里是北京饭店"]
)
def test_not_found(text: str) -> None:
    assert find_chinese_names(text) == []
