"""A Chinese development knowledge base: hotels, restaurants and sights of Beijing, and what people asked about them.

Reads `crosswoz_zh` of the data folder; knows no metric. One document a fact.
A question is a customer's message that asks for facts of one entity; where the message only points back to it, the
entity's name stands in front.
"""

from __future__ import annotations

import gzip
import json
import random
import zipfile
from collections.abc import Iterator
from typing import Any

from benchmarks.development_sets import DATA, Asked, KnowledgeBase
from retrieval.documents import Document, Section

FACTS = (
    "酒店类型 地址 地铁 电话 门票 价格 营业时间 推荐菜 人均消费 游玩时间 评分 酒店设施 周边景点 周边餐馆 周边酒店"
).split()
_UNITS = {"门票": "元", "价格": "元", "人均消费": "元", "评分": "分"}


def chinese_base(entities: int = 250, questions: int = 500) -> KnowledgeBase:
    """The first `entities` entities that are asked about, and `questions` of the questions about them."""
    records = {record["名称"]: record for record in _databases()}
    asked: dict[Asked, None] = {}
    known: dict[str, None] = {}
    for name, text, facts in _questions(set(records)):
        if name in known or len(known) < entities:
            known[name] = None
            if gold := frozenset(f"{name}/{fact}" for fact in facts if records[name].get(fact)):
                asked[Asked(text, gold)] = None
    documents = [document for name in known for document in _documents(records[name])]
    chosen = random.Random(1).sample(list(asked), min(questions, len(asked)))
    return KnowledgeBase("crosswoz", tuple(documents), tuple(chosen))


def chinese_intents() -> Iterator[tuple[str, str]]:
    """Messages that ask for one thing only, each once, and what: a hotel, restaurant or sight, or one fact of any."""
    seen: dict[str, None] = {}
    for dialogue in _dialogues():
        for said in dialogue["messages"]:
            wanted = {(act[1], act[2].split("-")[0]) for act in said["dialog_act"] if act[0] == "Request"}
            if said["role"] == "usr" and len(wanted) == 1 and said["content"] not in seen:
                seen[said["content"]] = None
                domain, fact = wanted.pop()
                yield said["content"], f"推荐{domain}" if fact == "名称" else fact


def _dialogues() -> list[dict[str, Any]]:
    with zipfile.ZipFile(DATA / "crosswoz_zh" / "val.json.zip") as archive:
        return list(json.loads(archive.read("val.json")).values())


def _documents(record: dict[str, Any]) -> Iterator[Document]:
    name = record["名称"]
    for fact in FACTS:
        if record.get(fact):
            section = Section(f"{name}的{fact}：{_stated(record[fact], fact)}。", (fact,))
            yield Document(f"{name}/{fact}", name, "crosswoz", name, (section,), language="zh")


def _stated(value: Any, fact: str) -> str:
    return "、".join(value[:12]) if isinstance(value, list) else f"{value}{_UNITS.get(fact, '')}"


def _databases() -> Iterator[dict[str, Any]]:
    folder = DATA / "crosswoz_zh"
    for name in ("attraction_db.json", "hotel_db.json.gz", "restaurant_db.json.gz"):
        raw = (folder / name).read_bytes()
        text = gzip.decompress(raw) if name.endswith(".gz") else raw
        yield from (record for _, record in json.loads(text))


def _questions(names: set[str]) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Entity, question, and the facts that are asked for."""
    for dialogue in _dialogues():
        for said, answered in zip(dialogue["messages"], dialogue["messages"][1:], strict=False):
            wanted = [act for act in said["dialog_act"] if act[0] == "Request"]
            domains = {act[1] for act in wanted}
            facts = frozenset(act[2].split("-")[0] for act in wanted)
            if said["role"] != "usr" or len(domains) != 1 or not facts <= set(FACTS):
                continue
            selected = answered["sys_state"].get(domains.pop(), {}).get("selectedResults", [])
            if len(selected) == 1 and selected[0] in names:
                name, text = selected[0], said["content"]
                yield name, text if name in text else f"{name}，{text}", facts
