"""Data set versions: the same examples are the same version, nothing half-written, nothing changed unnoticed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.engines import ChatMessage
from assistant.errors import InvalidInput, NotFound
from training.dataset_version import examples_of, lineage, open_version, remove_version, save_version, versions
from training.examples import Example

EXAMPLES = [
    Example(
        f"e{n}",
        f"c{n}",
        (ChatMessage("user", f"Frage {n}?"),),
        f"Antwort {n}",
        "en",
        "train" if n else "validation",
        message_ids=(f"m{n}", f"r{n}"),
    )
    for n in range(4)
]


def save(root: Path, examples: list[Example]) -> str:
    return save_version(root, examples, {"min_words": 3}, {"toxic": 2}, ["desk"]).id


def test_a_version_has_its_examples_rules_and_counts(tmp_path: Path) -> None:
    folder = tmp_path / save(tmp_path, EXAMPLES)
    version = open_version(folder)
    assert (version.examples, version.rules, version.dropped) == (
        {"validation": 1, "train": 3},
        {"min_words": 3},
        {"toxic": 2},
    )
    assert sorted(examples_of(folder), key=lambda e: e.id) == EXAMPLES
    assert list(examples_of(folder, "validation")) == EXAMPLES[:1]


def test_the_same_examples_in_any_order_are_the_same_version(tmp_path: Path) -> None:
    first = save(tmp_path, EXAMPLES)
    assert save(tmp_path, EXAMPLES[::-1]) == first
    assert save(tmp_path, EXAMPLES[:3]) != first
    assert save(tmp_path, [*EXAMPLES[:3], replace(EXAMPLES[3], reply="anders")]) != first
    assert len(versions(tmp_path)) == 3


@pytest.mark.parametrize("name", ["train.jsonl", "validation.jsonl", "manifest.json"])
def test_a_changed_file_is_noticed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / save(tmp_path, EXAMPLES)
    path = folder / name
    path.write_text(path.read_text("utf-8").replace("Antwort", "Antw0rt").replace('"hash": "', '"hash": "0'), "utf-8")
    with pytest.raises(InvalidInput, match="curate again"):
        open_version(folder)


def test_nothing_is_left_of_a_save_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError("disk full")

    monkeypatch.setattr("training.dataset_version.write_examples", broken)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path, EXAMPLES)
    assert list(tmp_path.iterdir()) == []


def test_no_examples_and_split_conversations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="toxic: 2"):
        save(tmp_path, [])
    with pytest.raises(InvalidInput, match="both splits"):
        save(tmp_path, [EXAMPLES[0], replace(EXAMPLES[1], conversation_id="c0")])


def test_lineage_finds_the_versions_that_hold_a_conversation_and_they_can_be_removed(tmp_path: Path) -> None:
    both, some = save(tmp_path, EXAMPLES), save(tmp_path, EXAMPLES[:2])
    assert lineage(tmp_path, {"c1"}) == {both: ["e1"], some: ["e1"]}
    assert lineage(tmp_path, {"c3"}) == {both: ["e3"]}
    remove_version(tmp_path, both)
    assert [version.id for version in versions(tmp_path)] == [some]
    with pytest.raises(NotFound):
        remove_version(tmp_path, both)


def test_the_manifest_is_plain_json_for_other_tools(tmp_path: Path) -> None:
    manifest = json.loads((tmp_path / save(tmp_path, EXAMPLES) / "manifest.json").read_text("utf-8"))
    assert set(manifest["files"]) == {"train.jsonl", "validation.jsonl"}
