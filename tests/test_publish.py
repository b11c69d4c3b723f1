"""Versions: written whole or not at all, switched by one pointer, cleaned away when nobody uses them."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from retrieval import publish, version
from retrieval.failures import IngestBusy
from retrieval.index import open_index
from retrieval.ingest import ingest
from retrieval.publish import changing
from retrieval.version import current_version
from tests.indexing import HashEmbedder, write_files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


def add(root: Path, number: int) -> str:
    """Publish a version with one more document; gives its name."""
    folder = write_files(root.parent / "docs", {f"{number}.md": f"Document number {number}."})
    ingest([folder], "kb", HashEmbedder(), root)
    return str(current_version(root))


def versions(root: Path) -> list[str]:
    return sorted(p.name for p in (root / "versions").iterdir())


def test_the_two_newest_versions_are_kept(root: Path) -> None:
    names = [add(root, n) for n in range(4)]
    assert versions(root) == names[-2:]
    assert names == sorted(names)


def test_a_version_that_is_open_is_never_cleaned_away(root: Path) -> None:
    add(root, 0)
    used = open_index(root)
    names = [add(root, n) for n in (1, 2, 3)]
    assert versions(root) == [used.version, *names[-2:]]
    assert used.passages[0].text == "Document number 0."
    del used
    gc.collect()
    names.append(add(root, 4))
    assert versions(root) == names[-2:]


def test_what_a_killed_publish_left_is_removed(root: Path) -> None:
    name = add(root, 0)
    write_files(root / "versions" / "00000002-dead00", {"passages.jsonl": "half"})
    write_files(root, {"CURRENT.new": "half"})
    assert open_index(root).version == name
    newer = add(root, 1)
    assert versions(root) == [name, newer]


def test_the_pointer_changes_only_after_everything_is_on_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = add(root, 0)
    synced: list[Path] = []
    real = publish._sync

    def recording(path: Path) -> None:
        if path == root / "CURRENT.new":
            assert current_version(root) == old
        synced.append(path)
        real(path)

    monkeypatch.setattr(publish, "_sync", recording)
    folder = root / "versions" / add(root, 1)
    before_switch = synced[: synced.index(root / "CURRENT.new")]
    assert {folder, folder.parent, *folder.rglob("*")} <= set(before_switch)
    assert synced[-1] == root


@pytest.mark.parametrize("step", ["_write_files", "_sync_tree", "_point_to"])
def test_a_failure_at_any_step_leaves_the_old_version(root: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old = add(root, 0)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(publish, step, full)
        with pytest.raises(OSError, match="No space left"):
            add(root, 1)
    assert open_index(root).version == old
    assert add(root, 1) > old
    assert len(open_index(root).passages) == 2


def test_only_one_process_changes_an_index_at_a_time(root: Path) -> None:
    with changing(root), pytest.raises(IngestBusy, match="another ingest"):
        add(root, 0)
    assert add(root, 0)


def test_a_reader_that_meets_a_clean_up_opens_the_newer_version(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(root, 0)
    real = version._open
    met: list[str] = []

    def late(folder: Path, *arguments: object) -> object:
        if not met:
            met.append(folder.name)
            for n in (1, 2, 3):
                add(root, n)
            assert not folder.exists()
        return real(folder, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(version, "_open", late)
    assert open_index(root).version == current_version(root)
    assert met != [current_version(root)]


def test_an_index_opens_from_a_folder_that_cannot_be_written(root: Path) -> None:
    add(root, 0)
    for path in (root, *root.rglob("*")):
        os.chmod(path, 0o555 if path.is_dir() else 0o444)
    try:
        assert len(open_index(root).passages) == 1
    finally:
        for path in (root, *root.rglob("*")):
            os.chmod(path, 0o755)
