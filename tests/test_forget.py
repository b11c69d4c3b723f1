"""Erasing a customer: no byte of theirs is left in the home, adapters that learnt from them are blocked."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from assistant.conversation import ImportedConversation, ImportedMessage
from assistant.errors import Conflict, NotFound
from assistant.pseudonyms import customer_hash
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_approvals import approve_reply
from assistant.store_erasure import referring
from assistant.store_logs import LogFilter
from assistant.tables import Base
from assistant.tables_learning import JobRow, RunRow
from tests.storing import REPLY
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, settings_for
from training.dataset_version import versions
from training.forget import forget
from training.logs import curate_store, curation_rules, export_logs
from training.registry import Registry
from training.tuning import tune

CUSTOMERS = 50
FORGOTTEN = "customer-7"


LETTERS = str.maketrans("0123456789", "ghijklmnop")


def canary(number: int) -> str:
    """Words that only one customer has."""
    return f"zxq{number:03}velvet"


def said(number: int) -> tuple[ImportedMessage, ...]:
    things = " ".join(sha256(f"{number} {i}".encode()).hexdigest()[:7].translate(LETTERS) for i in range(12))
    question = f"where is my {canary(number)} lamp with {things}?"
    reply = f"the {canary(number)} lamp with {things} leaves our warehouse tomorrow morning."
    return (ImportedMessage("customer", question), ImportedMessage("person", reply, "Kim"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and a home with 50 customers' logs, an adapter and its data set made of them, exports and a backup."""
    model, home = tiny_llama(tmp_path_factory.mktemp("tiny")), tmp_path_factory.mktemp("home")
    settings = settings_for(model, home)
    store = Store(settings.sqlalchemy_url)
    store.import_conversations(
        ImportedConversation("zendesk", f"z{number}", said(number), customer_id=f"customer-{number}")
        for number in range(CUSTOMERS)
    )
    for transcript in store.iter_conversations():
        approve_reply(store, transcript.messages[-1].id, "Kim")
    curation = curate_store(store, curation_rules(settings))
    store.close()
    assert len(curation.examples) == CUSTOMERS
    assert tune(settings, replace(QUICK, epochs=0.25), curation.examples)
    return model, home


@pytest.fixture
def settings(built: tuple[Path, Path], tmp_path: Path) -> Settings:
    shutil.copytree(built[1], tmp_path / "home")
    return settings_for(built[0], tmp_path / "home")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings.sqlalchemy_url)
    yield opened
    opened.close()


def hits(home: Path, words: bytes) -> list[str]:
    """Files that hold the words, compressed or not; models, which the home only borrows, are left out."""
    found = []
    for path in home.rglob("*"):
        if path.is_file() and "models" not in path.relative_to(home).parts:
            data = path.read_bytes()
            unpacked = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else b""
            if words in data or words in unpacked:
                found.append(str(path.relative_to(home)))
    return found


def live_chat(store: Store, customer: str, number: int) -> str:
    """A chat in which everything is stored that can be; returns the id of the reply."""
    chat = store.create_conversation(channel="widget", customer_id=customer).id
    asked, _ = store.add_customer_message(chat, f"And my {canary(number)} shade? Please look that up for me.")
    answered = store.add_reply(chat, asked.id, replace(REPLY, text=f"The {canary(number)} shade is here."))
    store.rate(answered.id, -1, f"no {canary(number)}")
    store.request_person(chat, f"wants {canary(number)}")
    store.set_satisfaction(chat, 1, f"never again {canary(number)} in my life")
    return answered.id


def test_no_byte_of_the_customer_is_left_and_others_stay(settings: Settings, store: Store) -> None:
    home, words = settings.home, canary(7).encode()
    live_chat(store, FORGOTTEN, 7)
    chat = store.find_conversations()[0].id
    (home / "exports").mkdir()
    export_logs(store, home / "exports" / "all.jsonl")
    export_logs(store, home / "exports" / "openai.jsonl", "openai")
    with gzip.open(home / "exports" / "packed.jsonl.gz", "wb") as file:
        file.write((home / "exports" / "all.jsonl").read_bytes())
    (home / "cache").mkdir()
    (home / "cache" / "page.html").write_text(f"<p>And my {canary(7)} shade? Please look that up for me.</p>", "utf-8")
    store.empty_log()
    (home / "backups").mkdir()
    shutil.copy(home / "assistant.db", home / "backups" / "monday.db")
    with store.writing() as session:
        question = f"And my {canary(7)} shade? Please look that up for me."
        session.add(RunRow(trigger="schedule", result={"worst": [question], "chat": chat}))
    assert len(hits(home, words)) >= 7
    receipt = forget(settings, FORGOTTEN)
    assert hits(home, words) == [] and hits(home, b'customer-7"') == [] and hits(home, chat.encode()) == []
    assert receipt["left"] == [] and receipt["conversations"] == 2 and receipt["messages"] == 4
    assert receipt["rows"] == {
        "approvals": 1,
        "conversations": 2,
        "hand_overs": 1,
        "messages": 4,
        "ratings": 1,
        "runs": 1,
        "traces": 1,
    }
    changed = {"backups/monday.db", "cache/page.html", *(f"exports/{n}" for n in ("all.jsonl", "openai.jsonl"))}
    assert changed | {"exports/packed.jsonl.gz"} <= set(receipt["files"])
    for name in ("all.jsonl", "openai.jsonl"):
        assert len((home / "exports" / name).read_text("utf-8").splitlines()) == CUSTOMERS - 1
    assert canary(8).encode() in gzip.decompress((home / "exports" / "packed.jsonl.gz").read_bytes())
    assert len(list(store.iter_conversations(LogFilter()))) == CUSTOMERS - 1
    assert FORGOTTEN not in json.dumps(receipt) and receipt["customer_hash"] == customer_hash(FORGOTTEN)


def test_adapters_that_learnt_from_them_are_blocked_and_a_retrain_is_scheduled(
    settings: Settings, store: Store
) -> None:
    registry = Registry(settings)
    (adapter,) = registry.list().adapters
    registry.promote(adapter)
    assert len(versions(settings.datasets_folder)) == 1
    receipt = forget(settings, FORGOTTEN)
    assert receipt["adapters"] == {"blocked": [adapter], "unknown_lineage": []}
    assert receipt["serving"] == {"adapter": adapter, "holds_rows": True} and receipt["retrain"].startswith("scheduled")
    assert versions(settings.datasets_folder) == [] and len(receipt["datasets"]) == 1
    assert registry.list().serving == adapter  # it goes on until something better is there
    registry.rollback()
    with pytest.raises(Conflict, match=receipt["receipt"]):
        registry.promote(adapter)
    with store.reading() as session:
        (job,) = session.scalars(select(JobRow))
        assert job.kind == "retrain" and receipt["receipt"] in job.reason


def test_an_adapter_without_their_rows_is_not_touched(settings: Settings, store: Store) -> None:
    live_chat(store, "somebody-new", 99)
    receipt = forget(settings, "somebody-new")
    assert receipt["adapters"]["blocked"] == [] and receipt["datasets"] == []
    assert receipt["retrain"].startswith("not needed") and receipt["serving"]["holds_rows"] is False
    assert len(versions(settings.datasets_folder)) == 1


def test_an_adapter_registered_after_the_erasure_is_blocked_too(settings: Settings, store: Store) -> None:
    (adapter,) = Registry(settings).list().adapters
    folder = settings.adapters_folder / adapter
    shutil.move(folder, settings.home / "still-training")
    Registry(settings).remove(adapter)
    receipt = forget(settings, FORGOTTEN)
    assert receipt["adapters"]["blocked"] == []
    shutil.move(settings.home / "still-training", folder)
    entry = Registry(settings).add(adapter, 1.0)
    assert entry.blocked and receipt["receipt"] in entry.blocked


def test_repeating_changes_nothing_and_a_returning_customer_is_erased_again(settings: Settings, store: Store) -> None:
    first = forget(settings, FORGOTTEN)
    assert forget(settings, FORGOTTEN) == first
    live_chat(store, FORGOTTEN, 7)
    again = forget(settings, FORGOTTEN)
    assert again["earlier_receipt"] == first["receipt"] and again["conversations"] == 1
    assert hits(settings.home, canary(7).encode()) == []


def test_an_unknown_customer_is_named_and_nothing_changes(settings: Settings, store: Store) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        forget(settings, "nobody")
    assert len(versions(settings.datasets_folder)) == 1


def test_someone_known_only_to_an_adapter_is_found_by_lineage(settings: Settings, store: Store) -> None:
    store.forget_customer(FORGOTTEN)  # as if the log had been a file that was never imported
    receipt = forget(settings, FORGOTTEN)
    assert receipt["conversations"] == 0 and len(receipt["adapters"]["blocked"]) == 1 and len(receipt["datasets"]) == 1


def test_every_table_that_names_a_conversation_or_message_is_emptied_with_it() -> None:
    """Whoever adds a table with such a column is covered by its name or foreign key, or fails here."""
    suspicious: dict[str, Any] = {}
    for table in Base.metadata.sorted_tables:
        covered = {column.name for column, _ in referring(table)}
        for column in table.columns:
            stem = column.name.removesuffix("_id")
            if stem in ("conversation", "message", "customer", "visitor", "reply") and column.name not in covered:
                suspicious[table.name] = column.name
    assert suspicious == {}
