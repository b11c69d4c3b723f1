"""`assistant forget`: erase a customer from SQL, data sets, runs and other files of the home, with a receipt.

Files and blocks come first and SQL last, so that a killed call can be repeated and still knows what to look for.
Adapters that learnt from the customer stay but can never be promoted again. Knows nothing of files outside the home.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.adapter_register import Register
from assistant.adapters import opened
from assistant.errors import NotFound
from assistant.pseudonyms import conversation_hash
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_adapters import block_adapters, read_register
from assistant.store_erasure import Belongings, belongings, erase, receipt_of
from assistant.store_jobs import enqueue
from assistant.tables import now, uuid7
from training.dataset_version import examples_of, remove_version
from training.erased_files import clean_files
from training.examples import Example
from training.lineage import erased_reason, read_lineage, tainted

RETRAIN = "retrain"  # as the worker calls a learning cycle; importing worker.py takes seconds
OUTSIDE = "files outside the home: exports and backups that were copied elsewhere, and the log files that were imported"


@dataclass(frozen=True, slots=True)
class LearntFrom:
    """Adapters and data sets that hold a customer's rows; `unknown` are adapters that do not say what they hold."""

    adapters: tuple[str, ...]
    unknown: tuple[str, ...]
    datasets: tuple[str, ...]


def forget(settings: Settings, customer_id: str) -> dict[str, Any]:
    """Erase a customer everywhere; returns the receipt. Repeating it erases what came since, or repeats the receipt.

    Raises NotFound for a customer who left no trace and was never erased.
    """
    with opened(settings) as store:
        theirs = belongings(store, customer_id)
        earlier = receipt_of(store, theirs.customer_hash)
        learnt = learnt_from(settings, theirs)
        if not theirs.conversation_ids and not learnt.datasets and earlier is not None:
            store.empty_log()  # a call that was killed after its commit may not have come to it
            return earlier
        if not theirs.conversation_ids and not learnt.datasets and not learnt.adapters:
            raise NotFound(f"there is no customer {customer_id!r}: no conversation, data set or adapter holds them")
        return _erase_all(settings, store, theirs, learnt, earlier)


def _erase_all(
    settings: Settings, store: Store, theirs: Belongings, learnt: LearntFrom, earlier: Mapping[str, Any] | None
) -> dict[str, Any]:
    register = read_register(store)
    receipt_id = uuid7()
    block_adapters(store, [id for id in learnt.adapters if id in register.adapters], erased_reason(receipt_id))
    retrain = _retrain(store, register, learnt, receipt_id)
    files = [path for version in learnt.datasets for path in _remove_dataset(settings, version)]
    if theirs.case_ids:
        from training.release_note import forget_in_runs  # takes seconds to import; few customers are in held-out cases

        files += forget_in_runs(settings, sorted(theirs.case_ids))
    cleaned = clean_files(settings, theirs, receipt_id)
    receipt: dict[str, Any] = {
        "receipt": receipt_id,
        "customer_hash": theirs.customer_hash,
        "erased_at": now().isoformat(timespec="seconds"),
        "conversations": len(theirs.conversation_ids),
        "messages": len(theirs.message_ids),
        "datasets": list(learnt.datasets),
        "files": sorted(_named(settings, [*files, *cleaned.removed, *cleaned.rewritten])),
        "adapters": {"blocked": list(learnt.adapters), "unknown_lineage": list(learnt.unknown)},
        "serving": {"adapter": register.serving, "holds_rows": register.serving in learnt.adapters},
        "retrain": retrain,
        "left": _named(settings, cleaned.left),
        "not_covered": [OUTSIDE, *_database_note(settings)],
    }
    if earlier:
        receipt["earlier_receipt"] = earlier["receipt"]
    receipt["rows"] = erase(store, theirs, receipt)
    return receipt


def learnt_from(settings: Settings, theirs: Belongings) -> LearntFrom:
    """Which adapters and data sets hold rows of a customer, by the hashes in their lineage."""
    lineages = {folder.name: read_lineage(folder) for folder in _adapter_folders(settings)}
    adapters = tainted(lineages, {theirs.customer_hash}, theirs.conversation_hashes)
    unknown = (id for id, lineage in lineages.items() if lineage is None)
    return LearntFrom(tuple(sorted(adapters)), tuple(sorted(unknown)), tuple(_datasets(settings, theirs)))


def _retrain(store: Store, register: Register, learnt: LearntFrom, receipt_id: str) -> str:
    """Schedule a learning cycle when what serves holds the customer's rows."""
    if register.serving not in learnt.adapters:
        return "not needed: the serving model holds none of their rows"
    reason = f"the serving adapter learnt from an erased customer (receipt {receipt_id})"
    enqueue(store, f"forget {receipt_id}", RETRAIN, reason)
    return "scheduled: `assistant worker` runs it, or `assistant retrain` now; until then the serving adapter goes on"


def _adapter_folders(settings: Settings) -> list[Path]:
    found = settings.adapters_folder.glob("*/") if settings.adapters_folder.exists() else ()
    return sorted(path for path in found if not path.name.startswith("."))


def _datasets(settings: Settings, theirs: Belongings) -> list[str]:
    """Ids of the data sets that hold any of their rows, also of damaged ones."""
    found = []
    for folder in sorted(settings.datasets_folder.glob("*/")):
        if folder.name.startswith("."):
            continue  # a draft of a killed call; clean_files looks into it
        if any(_theirs(example, theirs) for example in examples_of(folder)):
            found.append(folder.name)
    return found


def _theirs(example: Example, theirs: Belongings) -> bool:
    known = conversation_hash(example.conversation_id) in theirs.conversation_hashes
    return known or example.customer_hash == theirs.customer_hash


def _remove_dataset(settings: Settings, version: str) -> list[Path]:
    """Delete a data set and the unfinished training run on it."""
    removed = [settings.datasets_folder / version]
    remove_version(settings.datasets_folder, version)
    run = settings.home / "runs" / version
    if run.exists():
        shutil.rmtree(run)
        removed.append(run)
    return removed


def _named(settings: Settings, paths: Sequence[Path]) -> list[str]:
    return [str(path.relative_to(settings.home)) for path in paths]


def _database_note(settings: Settings) -> list[str]:
    if settings.sqlalchemy_url.startswith("sqlite"):
        return []
    return ["PostgreSQL's own files until VACUUM FULL, and its write-ahead log archives and backups"]
