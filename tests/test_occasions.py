"""A cycle is due at the times of the schedule and when something happened; each occasion has one name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assistant.conversation import ImportedConversation, ImportedMessage
from assistant.errors import InvalidInput
from assistant.settings import Settings, load_settings
from assistant.store import Store
from assistant.store_approvals import IMPORTED
from assistant.store_leases import lease
from assistant.store_runs import end_run, open_run
from assistant.tables import now
from tests.storing import REPLY, ask
from training.occasions import check_schedule, happened, scheduled

NIGHT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path, retrain_examples=5)


def imported(store: Store, count: int, start: int = 0) -> None:
    said = (ImportedMessage("customer", "When?"), ImportedMessage("person", "On Monday, as agreed."))
    store.import_conversations([ImportedConversation("desk", str(start + n), said) for n in range(count)], IMPORTED)


def finish_a_run(store: Store) -> None:
    with lease(store, "retrain") as held:
        opened = open_run(store, held, "by hand")
        end_run(store, held, opened.id, state="finished", decision="promoted", result={})


def due(settings: Settings, store: Store) -> list[str]:
    return [occasion.reason for occasion in happened(settings, store, now() + timedelta(seconds=1))]


@pytest.mark.parametrize(("minutes", "there"), [(-1, False), (0, True), (1, True), (59, True), (61, False)])
def test_a_time_of_the_schedule_counts_for_an_hour(minutes: int, there: bool) -> None:
    occasion = scheduled("0 3 * * *", NIGHT + timedelta(minutes=minutes))
    assert (occasion is not None) is there
    if occasion:
        assert occasion.key == "schedule 2026-11-24T03:00Z"


def test_an_empty_schedule_never_comes_and_a_bad_one_is_refused() -> None:
    assert scheduled("", NIGHT) is None
    check_schedule("")
    check_schedule("30 2 * * SUN")
    with pytest.raises(InvalidInput, match="retrain_schedule = 'nightly'"):
        check_schedule("nightly")


def test_enough_new_approvals_are_an_occasion_until_the_next_run(settings: Settings, store: Store) -> None:
    imported(store, 4)
    assert due(settings, store) == []
    imported(store, 2, start=4)
    assert due(settings, store) == ["6 replies approved since the beginning"]
    finish_a_run(store)
    assert due(settings, store) == []


def test_triggers_can_be_switched_off(settings: Settings, store: Store) -> None:
    imported(store, 9)
    assert due(settings.model_copy(update={"retrain_triggers": []}), store) == []


def test_drift_since_the_last_run_is_an_occasion(settings: Settings, store: Store) -> None:
    def chats(language: str) -> None:
        for _ in range(60):
            chat = store.create_conversation(channel="web").id
            store.add_reply(chat, ask(store, chat).id, replace(REPLY, language=language))

    chats("en")
    finish_a_run(store)
    assert due(settings, store) == []
    chats("zh")
    (reason,) = due(settings, store)
    assert reason.startswith("mix of languages: chi-square p = ")
