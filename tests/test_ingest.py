"""Adding, changing and removing documents: what is done, what is spared, and what a kill leaves behind."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from retrieval.failures import IndexMissing, UnknownDocument
from retrieval.index import open_index
from retrieval.ingest import IngestReport, ingest, remove
from retrieval.parsing import ParseLimits
from retrieval.version import current_version
from tests.indexing import HashEmbedder, contents, write_files

ROOT = Path(__file__).parents[1]
FILES = {
    "returns.md": "# Returns\nThirty days.\n## Refunds\nFive days.\n",
    "faq.csv": "question,answer\nHow long?,A week.\nHow much?,Nothing.\n",
    "sub/page.html": "<h1>Page</h1><p>Words.</p>",
}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return write_files(tmp_path / "docs", FILES)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


def counts(report: IngestReport) -> tuple[int, int, int, int]:
    return report.added, report.updated, report.unchanged, report.removed


def texts(root: Path) -> dict[str, str]:
    return {p.id: p.text for p in open_index(root).passages}


def test_a_folder_becomes_documents_with_relative_ids(docs: Path, root: Path) -> None:
    report = ingest([docs], None, HashEmbedder(), root)
    assert counts(report) == (4, 0, 0, 0)
    assert (report.failed, report.passages) == ((), 5)
    index = open_index(root)
    assert list(index.documents) == ["faq.csv:2", "faq.csv:3", "returns.md", "sub/page.html"]
    assert {d.source for d in index.documents.values()} == {"docs"}


def test_every_text_of_every_passage_has_its_own_vector(docs: Path, root: Path) -> None:
    from retrieval.views import views

    embedder = HashEmbedder()
    ingest([docs], None, embedder, root)
    index = open_index(root)
    expected = [(number, text) for number, passage in enumerate(index.passages) for text in views(passage)]
    assert index.owner.tolist() == [number for number, _ in expected]
    assert (index.vectors == embedder.encode([text for _, text in expected])).all()


def test_a_second_ingest_of_the_same_files_does_nothing(docs: Path, root: Path) -> None:
    ingest([docs], None, HashEmbedder(), root)
    version, embedder = current_version(root), HashEmbedder()
    report = ingest([docs], None, embedder, root, limits=ParseLimits(wall_seconds=0))  # parsing would fail at once
    assert counts(report) == (0, 0, 4, 0)
    assert report.passages == 5
    assert len(embedder.encoded) == 1  # the probe that tells which model it is
    assert current_version(root) == version


def test_only_changed_texts_are_embedded(docs: Path, root: Path) -> None:
    ingest([docs], None, HashEmbedder(), root)
    write_files(docs, {"returns.md": "# Returns\nThirty days.\n## Refunds\nNow six days.\n", "new.txt": "Brand new."})
    embedder = HashEmbedder()
    report = ingest([docs], None, embedder, root)
    assert counts(report) == (1, 1, 3, 0)
    assert len(embedder.encoded) == 3
    assert all("Thirty" not in text for text in embedder.encoded)
    assert texts(root)["returns.md#1"] == "Now six days."


def test_an_update_gives_the_same_index_as_a_fresh_start(docs: Path, root: Path, tmp_path: Path) -> None:
    ingest([docs], "kb", HashEmbedder(), root)
    write_files(docs, {"returns.md": "# Returns\nSixty days.\n"})
    ingest([docs], "kb", HashEmbedder(), root)
    ingest([docs], "kb", HashEmbedder(), tmp_path / "fresh")
    updated, fresh = open_index(root), open_index(tmp_path / "fresh")
    assert {p.id: p for p in updated.passages} == {p.id: p for p in fresh.passages}
    rows = {
        (updated.passages[o].id, *k): v.tolist()
        for o, k, v in zip(updated.owner, updated.keys.tolist(), updated.vectors, strict=True)
    }
    assert rows == {
        (fresh.passages[o].id, *k): v.tolist()
        for o, k, v in zip(fresh.owner, fresh.keys.tolist(), fresh.vectors, strict=True)
    }


def test_rows_that_only_moved_down_are_unchanged_and_cite_their_new_line(tmp_path: Path, root: Path) -> None:
    docs = write_files(tmp_path / "d", {"f.csv": "id,question,answer\na,How?,So.\n"})
    ingest([docs], None, HashEmbedder(), root)
    write_files(docs, {"f.csv": "id,question,answer\nb,Why?,Thus.\na,How?,So.\n"})
    embedder = HashEmbedder()
    assert counts(ingest([docs], None, embedder, root)) == (1, 0, 1, 0)
    assert {p.id: p.row for p in open_index(root).passages} == {"a#0": 3, "b#0": 2}
    assert not any("So." in text for text in embedder.encoded)


def test_lines_that_a_file_no_longer_has_are_removed(docs: Path, root: Path) -> None:
    ingest([docs], None, HashEmbedder(), root)
    write_files(docs, {"faq.csv": "question,answer\nHow long?,A week.\n"})
    assert counts(ingest([docs], None, HashEmbedder(), root)) == (0, 0, 3, 1)
    assert "faq.csv:3#0" not in texts(root)


def test_files_that_are_gone_are_reported_and_removed_only_when_asked(docs: Path, root: Path) -> None:
    ingest([docs], None, HashEmbedder(), root)
    (docs / "returns.md").unlink()
    report = ingest([docs], None, HashEmbedder(), root)
    assert (report.removed, report.missing) == (0, ("returns.md",))
    assert "returns.md#0" in texts(root)
    report = ingest([docs], None, HashEmbedder(), root, prune=True)
    assert (report.removed, report.missing, report.passages) == (1, (), 3)
    assert "returns.md#0" not in texts(root)


def test_pruning_one_source_or_file_leaves_the_others(docs: Path, root: Path, tmp_path: Path) -> None:
    other = write_files(tmp_path / "other", {"x.md": "X."})
    ingest([docs, other], None, HashEmbedder(), root)
    assert ingest([other], None, HashEmbedder(), root, prune=True).removed == 0
    assert ingest([docs / "returns.md"], "docs", HashEmbedder(), root, prune=True).removed == 0
    assert len(texts(root)) == 6


def test_a_file_that_has_become_unreadable_keeps_its_old_text(docs: Path, root: Path) -> None:
    ingest([docs], None, HashEmbedder(), root)
    write_files(docs, {"returns.md": bytes(range(256)) * 50})
    report = ingest([docs], None, HashEmbedder(), root, prune=True)
    assert [Path(f.path).name for f in report.failed] == ["returns.md"]
    assert texts(root)["returns.md#0"] == "Thirty days."


def test_failures_are_listed_and_the_rest_goes_on(docs: Path, root: Path) -> None:
    write_files(docs, {"bad.pdf": "no pdf", "bad.jsonl": '{"text": "fine"}\n{"question": "only"}\n'})
    report = ingest([docs, docs.parent / "docs" / "returns.md"], None, HashEmbedder(), root)
    assert report.added == 6
    assert [(Path(f.path).name, f.error.split(":")[0]) for f in report.failed] == [
        ("bad.jsonl", "line 2"),
        ("bad.pdf", "is not a PDF that can be read"),
    ]


def test_nothing_readable_publishes_nothing(tmp_path: Path, root: Path) -> None:
    report = ingest([write_files(tmp_path / "d", {"bad.pdf": "no"})], None, HashEmbedder(), root)
    assert (report.added, report.passages, len(report.failed)) == (0, 0, 1)
    assert current_version(root) is None


def test_the_same_id_from_two_files_or_sources_stays_apart(tmp_path: Path, root: Path) -> None:
    row = '{{"id": 1, "question": "Q", "answer": "{}"}}'
    folder = write_files(tmp_path / "shop", {"a.jsonl": row.format("from a"), "b.jsonl": row.format("from b")})
    other = write_files(tmp_path / "bank", {"c.jsonl": row.format("from c")})
    for _ in range(2):
        ingest([folder, other], None, HashEmbedder(), root)
        assert texts(root) == {"1#0": "from a", "b.jsonl/1#0": "from b", "bank/1#0": "from c"}
    write_files(folder, {"b.jsonl": row.format("changed")})
    assert counts(ingest([folder], None, HashEmbedder(), root)) == (0, 1, 1, 0)
    assert texts(root)["b.jsonl/1#0"] == "changed"


def test_the_same_source_and_id_from_another_file_later_is_an_update(tmp_path: Path, root: Path) -> None:
    row = '{{"id": 1, "question": "Q", "answer": "{}"}}'
    first = write_files(tmp_path / "a", {"a.jsonl": row.format("old")})
    second = write_files(tmp_path / "b", {"b.jsonl": row.format("new")})
    ingest([first], "kb", HashEmbedder(), root)
    assert counts(ingest([second], "kb", HashEmbedder(), root)) == (0, 1, 0, 0)
    assert texts(root) == {"1#0": "new"}
    assert counts(ingest([first], "kb", HashEmbedder(), root)) == (0, 1, 0, 0)
    assert texts(root) == {"1#0": "old"}


def test_an_id_used_twice_in_a_file_is_a_failure(tmp_path: Path, root: Path) -> None:
    rows = "id,question,answer\n1,A,a\n1,B,b\n"
    report = ingest([write_files(tmp_path / "d", {"f.csv": rows})], None, HashEmbedder(), root)
    assert [f.error for f in report.failed] == ["line 3: id '1' was used before in this file"]
    assert texts(root) == {"1#0": "a"}


def test_two_files_of_one_name_and_source_are_a_failure(tmp_path: Path, root: Path) -> None:
    a = write_files(tmp_path / "a", {"f.md": "a"}) / "f.md"
    b = write_files(tmp_path / "b", {"f.md": "b"}) / "f.md"
    report = ingest([a, b], None, HashEmbedder(), root)
    assert report.added == 1
    assert "a source of its own" in report.failed[0].error


def test_another_embedder_embeds_everything_again(docs: Path, root: Path, tmp_path: Path) -> None:
    ingest([docs], None, HashEmbedder(), root)
    other = HashEmbedder("other", seed="other")
    one = write_files(tmp_path / "one", {"one.md": "One."})
    ingest([one], None, other, root)
    index = open_index(root)
    assert index.embedder_name == "other"
    assert len(set(other.encoded)) == len(index.vectors) + 1
    assert len(index.passages) == 6


def test_a_renamed_embedder_that_gives_the_same_vectors_embeds_nothing(docs: Path, root: Path) -> None:
    ingest([docs], None, HashEmbedder("models/a"), root)
    renamed = HashEmbedder("elsewhere/a")
    assert counts(ingest([docs], None, renamed, root)) == (0, 0, 4, 0)
    assert len(renamed.encoded) == 1


def test_equal_texts_are_embedded_once(tmp_path: Path, root: Path) -> None:
    rows = "".join(json.dumps({"id": n, "question": "Same?", "answer": "Same."}) + "\n" for n in range(20))
    embedder = HashEmbedder()
    ingest([write_files(tmp_path / "d", {"f.jsonl": rows})], None, embedder, root)
    assert len(embedder.encoded) == len(set(embedder.encoded))
    assert len(open_index(root).passages) == 20


def test_removed_documents_leave_index_and_disk(docs: Path, root: Path) -> None:
    ingest([docs], None, HashEmbedder(), root)
    before = {p.id: p for p in open_index(root).passages}
    assert remove(["faq.csv:2", "sub/page.html"], root) == 3
    index = open_index(root)
    assert {p.id: p for p in index.passages} == {
        k: v for k, v in before.items() if k.startswith(("faq.csv:3", "returns"))
    }
    assert not [p for p in root.rglob("*") if p.is_file() and b"A week." in p.read_bytes()]
    assert counts(ingest([docs], None, HashEmbedder(), root)) == (2, 0, 2, 0)


def test_all_documents_can_be_removed(docs: Path, root: Path) -> None:
    ingest([docs], None, HashEmbedder(), root)
    assert remove(list(open_index(root).documents), root) == 0
    assert len(open_index(root).passages) == 0
    assert counts(ingest([docs], None, HashEmbedder(), root)) == (4, 0, 0, 0)


def test_removing_unknown_documents_changes_nothing(docs: Path, root: Path) -> None:
    with pytest.raises(IndexMissing):
        remove(["x"], root)
    ingest([docs], None, HashEmbedder(), root)
    version = current_version(root)
    with pytest.raises(UnknownDocument, match="'nothing'"):
        remove(["returns.md", "nothing"], root)
    assert current_version(root) == version


def test_progress_tells_documents_read_and_embedded(docs: Path, root: Path) -> None:
    told: list[tuple[str, int, int]] = []
    ingest([docs], None, HashEmbedder(), root, lambda *step: told.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["read", "embed", "publish"]
    assert ("embed", 4, 4) in told
    assert told[-1] == ("publish", 4, 4)


def start(docs: Path, root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.killed_ingest", str(docs), str(root)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_an_ingest_killed_at_any_moment_leaves_the_old_index_and_resumes(tmp_path: Path) -> None:
    docs, root = tmp_path / "docs", tmp_path / "index"
    write_files(docs, {"old.md": "Old words."})
    ingest([docs], "kb", HashEmbedder(), root)
    rows = "".join(
        json.dumps({"id": n, "question": f"Question {n}?", "answer": f"Answer {n}."}) + "\n" for n in range(900)
    )
    write_files(docs, {"faq.jsonl": rows, "new.md": "# New\nWords."})
    ingest([docs], "kb", HashEmbedder(), tmp_path / "whole")
    begun = time.monotonic()
    process = start(docs, tmp_path / "timed")
    process.communicate()
    whole_run = time.monotonic() - begun
    rng = random.Random(7)
    old, killed = current_version(root), 0
    for _ in range(5):
        process = start(docs, root)
        time.sleep(rng.uniform(0, whole_run / 2))
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        index = open_index(root)
        if "done" in output or index.version != old:
            break
        killed += 1
        assert [p.text for p in index.passages] == ["Old words."]
    assert killed >= 2
    resumed = HashEmbedder()
    ingest([docs], "kb", resumed, root)
    assert len(resumed.encoded) < 1800
    index, whole = open_index(root), open_index(tmp_path / "whole")
    assert {p.id: p for p in index.passages} == {p.id: p for p in whole.passages}
    assert len(index.vectors) == len(whole.vectors)
    assert sorted(index.keys.tolist()) == sorted(whole.keys.tolist())
    assert sorted(p.name for p in root.iterdir()) == ["CURRENT", "ingest.lock", "versions"]
    assert {p.name for p in (root / "versions").iterdir()} == {old, index.version}


def test_a_resumed_ingest_does_not_encode_what_was_encoded(tmp_path: Path) -> None:
    docs, root = tmp_path / "docs", tmp_path / "index"
    rows = "".join(json.dumps({"id": n, "question": f"Question {n}?", "answer": "A."}) + "\n" for n in range(600))
    write_files(docs, {"faq.jsonl": rows})
    process = start(docs, root)
    assert process.stdout is not None
    asked = [process.stdout.readline() for _ in range(6)]  # the probe, and five batches asked for: four are on disk
    process.kill()
    process.communicate()
    assert asked[1:] == ["encoded 50\n"] * 5
    resumed = HashEmbedder()
    ingest([docs], "kb", resumed, root)
    assert len(resumed.encoded) <= 1200 - 200 + 1
    ingest([docs], "kb", HashEmbedder(), tmp_path / "whole")
    assert contents(open_index(root)) == contents(open_index(tmp_path / "whole"))


def test_naughty_strings_are_only_text(tmp_path: Path, root: Path) -> None:
    strings = [
        "Robert'); DROP TABLE x;--",
        "‮RTL‬",
        "\ufeff",
        "﷽" * 50,
        "a\u0300" * 300,
        "🏳️‍🌈",
        "${7*7}",
        "../../etc/passwd",
        "NULL",
    ]
    rows = "".join(
        json.dumps({"id": f"../{n}#{s[:5]}", "question": s + "?", "answer": s + "!"}) + "\n"
        for n, s in enumerate(strings)
    )
    report = ingest([write_files(tmp_path / "d", {"n.jsonl": rows})], None, HashEmbedder(), root)
    assert (report.added, report.failed) == (len(strings), ())
    index = open_index(root)
    assert [index.number(p.id) for p in index.passages] == list(range(len(index.passages)))
