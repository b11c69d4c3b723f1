"""Approvals bind to the text as it was shown, whoever or whatever approved it; a revoked one stays revoked by rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from assistant.conversation import ImportedConversation, ImportedMessage
from assistant.errors import InvalidInput, NotFound
from assistant.store import Store
from assistant.store_approvals import (
    IMPORTED,
    approvals,
    approvals_of,
    approve_rated_good,
    approve_reply,
    restore_all,
    revoke_all,
    revoke_approval,
)
from assistant.tables import MessageRow
from tests.storing import REPLY, ask
from training.curation_rules import CurationRules
from training.logs import curate_store, import_logs


def replied(store: Store, chat: str) -> str:
    return store.add_reply(chat, ask(store, chat).id, REPLY).id


def edit(store: Store, message_id: str, text: str) -> None:
    with store.writing() as session:
        session.execute(update(MessageRow).where(MessageRow.id == message_id).values(text=text))


def record(number: int, reply: str = "We ship within two days.", source: str = "desk") -> ImportedConversation:
    said = (ImportedMessage("customer", f"When do you ship number {number}?"), ImportedMessage("person", reply))
    return ImportedConversation(source, str(number), said)


def test_a_person_approves_the_text_as_it_reads(store: Store, chat: str) -> None:
    reply = replied(store, chat)
    given = approve_reply(store, reply, "ada")
    assert (given.by, given.kind, given.valid, given.text) == ("ada", "person", True, REPLY.text)
    edit(store, reply, "Ninety days.")
    assert [(a.message_id, a.valid) for a in approvals(store)] == [(reply, False)]
    assert approve_reply(store, reply, "ada", corrected="Ninety days, unused.").corrected == "Ninety days, unused."
    assert approvals_of(store, [reply])[reply].valid


def test_only_replies_can_be_approved(store: Store, chat: str) -> None:
    with pytest.raises(InvalidInput, match="customer's"):
        approve_reply(store, ask(store, chat).id, "ada")
    with pytest.raises(NotFound):
        approve_reply(store, "nothing", "ada")
    with pytest.raises(InvalidInput, match="empty"):
        approve_reply(store, replied(store, chat), "ada", corrected=" ")


def test_a_revoked_approval_comes_back_by_a_person_only(store: Store) -> None:
    store.import_conversations([record(1)], IMPORTED)
    (first,) = approvals(store)
    assert (first.kind, first.by, first.valid) == ("rule", IMPORTED, True)
    assert not revoke_approval(store, first.message_id, "ada").valid
    store.import_conversations([record(1)], IMPORTED)
    assert not approvals(store)[0].valid
    again = approve_reply(store, first.message_id, "ada")
    assert again.valid and again.reinstated
    assert revoke_all(store, [first.message_id], "a check") == 1
    assert revoke_all(store, [first.message_id], "a check") == 0


def test_revoking_what_was_never_approved(store: Store, chat: str) -> None:
    with pytest.raises(NotFound, match="never approved"):
        revoke_approval(store, replied(store, chat), "ada")


def test_an_import_approves_its_replies_and_no_others(store: Store) -> None:
    own = ImportedConversation(
        "assistant", "x", (ImportedMessage("customer", "Hi"), ImportedMessage("assistant", "Our own reply."))
    )
    store.import_conversations([record(2)], None)
    store.import_conversations([record(1), own], IMPORTED)
    assert [approval.text for approval in approvals(store)] == ["We ship within two days."]
    store.import_conversations(
        [replace(record(1), messages=(*record(1).messages[:1], ImportedMessage("person", "In three days.")))], None
    )
    assert not approvals(store)[0].valid
    store.import_conversations([record(1, "In three days."), record(2)], IMPORTED)
    assert [approval.valid for approval in approvals(store)] == [True, True]


def test_pages_of_approvals_hold_each_once(store: Store) -> None:
    store.import_conversations(map(record, range(7)), IMPORTED)
    first = approvals(store, limit=4)
    rest = approvals(store, after=first[-1], limit=4)
    assert len({a.message_id for a in [*first, *rest]}) == 7


def test_the_rule_rated_good_takes_live_replies_rated_good(store: Store, chat: str) -> None:
    good, _ = replied(store, chat), replied(store, chat)
    store.rate(good, 1)
    assert approve_rated_good(store) == 1
    assert approve_rated_good(store) == 0
    assert [a.message_id for a in approvals(store)] == [good]


def test_curation_takes_approved_replies_only(store: Store, chat: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"id": "1", "messages": [{"role": "user", "content": "When do you ship?"}, '
        '{"role": "assistant", "content": "We ship within two working days."}]}\n'
    )
    import_logs(store, path, approve=False)
    reply = replied(store, chat)
    assert curate_store(store, CurationRules()).dropped == {"unapproved": 2}
    import_logs(store, path)
    approve_reply(store, reply, "ada", corrected="Thirty days, if it is unused.")
    curation = curate_store(store, CurationRules())
    assert {e.reply for e in curation.examples} == {"We ship within two working days.", "Thirty days, if it is unused."}
    edit(store, reply, "Something else.")
    assert curate_store(store, CurationRules()).dropped == {"unapproved": 1}


def test_forgetting_a_customer_takes_the_approvals_along(store: Store) -> None:
    store.import_conversations([replace(record(1), customer_id="c")], IMPORTED)
    store.forget_customer("c")
    assert approvals(store) == []


def test_a_false_alarm_is_taken_back_at_once_but_not_for_other_texts_or_other_alarms(store: Store) -> None:
    store.import_conversations([record(number) for number in range(4)], IMPORTED)
    one, two, three, four = [approval.message_id for approval in approvals(store)]
    revoke_all(store, [one, two, three], "run r1")
    revoke_approval(store, four, "ada")
    edit(store, three, "Ninety days.")
    assert restore_all(store, "run r1", "kim") == 2
    standing = approvals_of(store, [one, two, three, four])
    assert [standing[id].valid for id in (one, two, three, four)] == [True, True, False, False]
    assert (standing[one].by, standing[one].kind, standing[one].reinstated) == ("kim", "person", True)
    with pytest.raises(NotFound, match="run r2"):
        restore_all(store, "run r2", "kim")
