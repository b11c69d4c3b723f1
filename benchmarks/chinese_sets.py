"""A Chinese development knowledge base: hotels, restaurants and sights of Beijing, and what people asked about them.

Reads `crosswoz_zh` of the data folder; knows no metric. One document an entity with a section for each of its facts.
A question is a customer's message that asks for facts of one entity; where the message only points back to it, the
entity's name stands in front.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.development_sets import DATA
from retrieval.documents import Document, Section

FACTS = ("酒店类型", "地址", "地铁", "电话", "门票", "价格", "营业时间", "推荐菜", "人均消费", "游玩时间", "评分")
FACTS += ("酒店设施", "周边景点", "周边餐馆", "周边酒店")
_UNITS = {"门票": "元", "价格": "元", "人均消费": "元", "评分": "分"}


@dataclass(frozen=True, slots=True)
class ChineseQuestion:
    """A question, the id of its entity's document, and the facts that answer it."""

    text: str
    document: str
    facts: frozenset[str]


def chinese_base(entities: int = 400) -> tuple[list[Document], list[ChineseQuestion]]:
    """The first `entities` entities that are asked about, and the questions about them."""
    records = {record["名称"]: record for record in _databases()}
    asked: list[ChineseQuestion] = []
    known: dict[str, None] = {}
    for question in _questions(set(records)):
        if question.document in known or len(known) < entities:
            known[question.document] = None
            if any(records[question.document].get(fact) for fact in question.facts):
                asked.append(question)
    return [_document(records[name]) for name in known], list(dict.fromkeys(asked))


def _document(record: dict[str, Any]) -> Document:
    name = record["名称"]
    sections = tuple(
        Section(f"{name}的{fact}：{_said(record[fact], fact)}。", (fact,)) for fact in FACTS if record.get(fact)
    )
    return Document(name, name, "crosswoz", name, sections, language="zh")


def _said(value: Any, fact: str) -> str:
    return "、".join(value[:12]) if isinstance(value, list) else f"{value}{_UNITS.get(fact, '')}"


def _databases() -> Iterator[dict[str, Any]]:
    folder = DATA / "crosswoz_zh"
    for name in ("attraction_db.json", "hotel_db.json.gz", "restaurant_db.json.gz"):
        raw = (folder / name).read_bytes()
        text = gzip.decompress(raw) if name.endswith(".gz") else raw
        yield from (record for _, record in json.loads(text))


def _questions(names: set[str]) -> Iterator[ChineseQuestion]:
    with zipfile.ZipFile(DATA / "crosswoz_zh" / "val.json.zip") as archive:
        dialogues = json.loads(archive.read("val.json"))
    for dialogue in dialogues.values():
        for said, answered in zip(dialogue["messages"], dialogue["messages"][1:], strict=False):
            wanted = [act for act in said["dialog_act"] if act[0] == "Request"]
            domains = {act[1] for act in wanted}
            facts = frozenset(act[2].split("-")[0] for act in wanted)
            if said["role"] != "usr" or len(domains) != 1 or not facts <= set(FACTS):
                continue
            selected = answered["sys_state"].get(domains.pop(), {}).get("selectedResults", [])
            if len(selected) == 1 and selected[0] in names:
                name, text = selected[0], said["content"]
                yield ChineseQuestion(text if name in text else f"{name}，{text}", name, facts)
