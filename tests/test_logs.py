"""Import, re-import, export and statistics over a real store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.settings import load_settings
from assistant.store import Store
from tests import exports
from training.curation_rules import CurationRules
from training.logs import curate_files, curate_store, curation_rules, export_logs, import_logs, log_stats


@pytest.fixture
def zendesk(tmp_path: Path) -> Path:
    tickets = [exports.zendesk_ticket(n) for n in range(3)]
    return exports.write_json(
        tmp_path / "z.json", {"tickets": [*tickets, {"id": 9, "comments": 5}], "users": exports.ZENDESK_USERS}
    )


def test_an_import_and_its_repetition(store: Store, zendesk: Path) -> None:
    first, second = import_logs(store, zendesk), import_logs(store, zendesk)
    assert (first.format, first.source, first.added, first.messages, first.failed) == ("zendesk", "zendesk", 3, 9, 1)
    assert first.failures[0].place == "tickets 4"
    assert (second.added, second.updated, second.unchanged) == (0, 0, 3)
    assert json.loads(json.dumps(first.to_dict()))["failures"][0]["reason"]


def test_an_export_imports_elsewhere_as_the_same(store: Store, zendesk: Path, tmp_path: Path) -> None:
    import_logs(store, zendesk)
    chat = store.create_conversation(channel="web", customer_id="c-1")
    store.add_customer_message(chat.id, "Hello?")
    path = tmp_path / "all.jsonl"
    assert export_logs(store, path) == 4
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    again = import_logs(other, path)
    assert (again.added, again.failed) == (4, 0)
    assert set(other.export_conversations()) == set(store.export_conversations())
    other.close()
    assert import_logs(store, path).added == 0


def test_an_openai_export_has_roles_and_texts_only(store: Store, zendesk: Path, tmp_path: Path) -> None:
    import_logs(store, zendesk)
    export_logs(store, tmp_path / "o.jsonl", "openai")
    record = json.loads((tmp_path / "o.jsonl").read_text("utf-8").splitlines()[0])
    assert record["messages"][0] == {"role": "user", "content": "Where is my parcel?"}
    assert [message["role"] for message in record["messages"]] == ["user", "assistant", "system"]


def test_a_failed_export_leaves_the_old_file(
    store: Store, zendesk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_logs(store, zendesk)
    path = tmp_path / "all.jsonl"
    path.write_text("old", "utf-8")
    monkeypatch.setattr("training.logs._whole", lambda _: {"not": {"json"}})
    with pytest.raises(TypeError):
        export_logs(store, path)
    assert path.read_text("utf-8") == "old"
    assert sorted(p.name for p in tmp_path.iterdir() if "all" in p.name) == ["all.jsonl"]


def test_the_store_and_the_file_curate_to_the_same_examples(store: Store, zendesk: Path) -> None:
    import_logs(store, zendesk)
    rules = CurationRules(keep=("t.example",))
    stored, direct = curate_store(store, rules), curate_files([zendesk], rules)
    assert [e.id for e in stored.examples] == [e.id for e in direct.examples]
    assert stored.dropped == direct.dropped == {"near_duplicate": 2}
    assert stored.examples[0].reply == "It arrives & is yours on Monday: track it (https://t.example/1)."


def test_statistics_tell_what_is_there_and_what_curation_drops(store: Store, zendesk: Path) -> None:
    import_logs(store, zendesk)
    stats = log_stats(store, replace(CurationRules(), keep=("t.example",)))
    assert (stats.conversations, stats.sources, stats.resolved) == (3, {"zendesk": 3}, {"yes": 3})
    assert stats.messages == {"customer": 3, "person": 3, "system": 3}
    assert (stats.satisfaction, stats.replies, sum(stats.examples.values())) == ({"5": 3}, 3, 1)
    assert stats.to_dict()["reasons"] == {"near_duplicate": "nearly the same question and reply were picked already"}


def test_settings_tell_what_is_the_company_s_own(tmp_path: Path) -> None:
    settings = load_settings(
        tmp_path, company="Acme Lamps", mask_keep=["acme.example"], order_patterns=["(?P<value>LL9)"]
    )
    rules = curation_rules(settings)
    assert rules.keep == ("Acme", "Lamps", "acme.example")
    assert rules.order_patterns[-1] == "(?P<value>LL9)"
    assert len(rules.order_patterns) > 1
