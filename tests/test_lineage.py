"""An adapter's lineage names conversations and customers by hashes, and taint runs through parents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import InvalidInput
from assistant.pseudonyms import conversation_hash, customer_hash
from tests.tuning_data import example
from training.lineage import LINEAGE, Lineage, lineage_of, read_lineage, tainted


def test_it_holds_hashes_and_no_ids() -> None:
    found = lineage_of([replace(example(1), customer_hash=customer_hash("anna")), example(2)], ["older"])
    assert found.holds([customer_hash("anna")], []) and found.holds([], [conversation_hash("train-2")])
    assert not found.holds([customer_hash("bert")], [conversation_hash("anna")])
    assert "anna" not in str(found.to_dict()) and found.parents == ("older",)


def test_a_folder_without_or_with_a_damaged_lineage(tmp_path: Path) -> None:
    assert read_lineage(tmp_path) is None
    (tmp_path / LINEAGE).write_text('{"conversations": []}', "utf-8")
    with pytest.raises(InvalidInput, match="damaged"):
        read_lineage(tmp_path)


def test_what_went_on_from_a_tainted_adapter_is_tainted() -> None:
    lineages = {
        "a": Lineage(frozenset({"c1"})),
        "b": Lineage(frozenset({"c2"}), parents=("a",)),
        "c": Lineage(parents=("b",)),
        "d": Lineage(frozenset({"c2"})),
        "old": None,
    }
    assert tainted(lineages, [], ["c1"]) == {"a", "b", "c"}
    assert tainted(lineages, [], ["c2"]) == {"b", "c", "d"}
    assert tainted(lineages, ["nobody"], []) == set()
