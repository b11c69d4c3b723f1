"""Templates: versions and approval in the store, the fitting one, slots, and mining from transcripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from assistant.conversation import ImportedConversation, ImportedMessage, Intent
from assistant.errors import Conflict, InvalidInput
from assistant.privacy import MaskRules
from assistant.store import Store
from assistant.store_templates import Template, Wording, add_template, approve_template, retire_template, templates
from assistant.templates import Fitting, TemplateShelf, filled, shelf
from training.template_import import import_templates, mine_store
from training.template_mining import with_slots, without_names

NOW = datetime(2026, 6, 1, tzinfo=UTC)
RETURNS = Wording(["how can i return a lamp"], "You can return it within 30 days at {company}.", "en", "returns")
HOURS = Wording(["when are you open"], "We are open from 9 to 5.", "en")


class Letters:
    """An embedder by letter pairs."""

    name = "pairs"
    dimension = 676

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            letters = [ord(c) - 97 for c in text.lower() if "a" <= c <= "z"]
            for a, b in pairwise(letters):
                row[a * 26 + b] += 1
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'a.db'}")


def made(store: Store, wording: Wording) -> Template:
    template = add_template(store, wording)
    assert template is not None
    return template


def on_shelf(*found: Template) -> TemplateShelf:
    questions = [q for t in found for q in t.questions]
    vectors = dict(zip(questions, Letters().encode_queries(questions), strict=True))
    return shelf(found, vectors, Letters.dimension)


def fitting(
    on: TemplateShelf, text: str, intent: Intent | None = None, language: str = "en", moment: datetime = NOW
) -> Fitting | None:
    vector = Letters().encode_queries([text])[0]
    return on.fitting(vector, language, intent, moment=moment, values={"company": "Leaf"}, least=0.8)


def test_a_draft_is_served_only_after_approval_and_retires_its_predecessor(store: Store) -> None:
    first = made(store, RETURNS)
    assert first.state == "draft" and templates(store, "approved") == []
    assert approve_template(store, first.id, "ann").approved_by == "ann"
    second = made(store, Wording(RETURNS.questions, "Within 60 days.", "en", family=first.family))
    assert second.version == 2
    approve_template(store, second.id, "ann")
    assert [t.id for t in templates(store, "approved")] == [second.id]
    with pytest.raises(Conflict, match="retired"):
        approve_template(store, first.id, "ann")


def test_the_same_template_is_not_added_twice(store: Store) -> None:
    made(store, HOURS)
    assert add_template(store, HOURS) is None


def test_dates_out_of_order_are_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="must be after"):
        add_template(store, Wording(["q"], "t", "en", valid_from=NOW, valid_until=NOW - timedelta(days=1)))


def test_a_near_question_gets_the_wording_verbatim_with_verified_slots(store: Store) -> None:
    on = on_shelf(made(store, RETURNS), made(store, HOURS))
    found = fitting(on, "how can i return the lamp")
    assert found is not None and found.text == "You can return it within 30 days at Leaf."


def test_no_template_for_another_question_language_intent_or_time(store: Store) -> None:
    late = made(store, Wording(HOURS.questions, HOURS.text + "!", "en", valid_until=NOW))
    on = on_shelf(made(store, RETURNS), late)
    assert fitting(on, "do you sell tulip bulbs") is None
    assert fitting(on, "how can i return a lamp", language="zh") is None
    assert fitting(on, "how can i return a lamp", intent=Intent("pricing", 0.9)) is None
    assert fitting(on, "when are you open") is None


def test_two_templates_as_near_are_none(store: Store) -> None:
    on = on_shelf(made(store, HOURS), made(store, Wording(HOURS.questions, "We never close.", "en")))
    assert fitting(on, "when are you open") is None


def test_a_slot_without_a_value_is_never_served() -> None:
    assert filled("Call {phone}.", {"company": "Leaf"}) is None
    assert filled("Call {phone}.", {"phone": "555"}) == "Call 555."


def test_what_varies_between_replies_becomes_a_slot() -> None:
    replies = [f"Your parcel left on {day} and arrives within three days." for day in ("Monday", "Friday", "Sunday")]
    assert with_slots(replies) == "Your parcel left on {detail} and arrives within three days."


def test_names_at_both_ends_are_cut() -> None:
    assert without_names("Hi [NAME_1], it is on its way. - [NAME_2]") == "Hi, it is on its way."


def test_mining_finds_answers_given_again_and_again(store: Store) -> None:
    reply = "You can reset your password on the sign-in page: choose forgot password and follow the e-mail."
    asked = ("how do i reset my password", "i want to reset my password", "password reset how", "reset password please")
    logs = [
        ImportedConversation(
            "log", str(n), (ImportedMessage("customer", text), ImportedMessage("person", f"{reply} Regards, Tom"))
        )
        for n, text in enumerate(asked)
    ]
    odd = ImportedConversation(
        "log",
        "9",
        (
            ImportedMessage("customer", "is the fern poisonous for cats"),
            ImportedMessage("person", "Ferns are safe for cats and dogs, but some other plants that we sell are not."),
        ),
    )
    store.import_conversations([*logs, odd])
    report = mine_store(store, Letters(), MaskRules(), lambda step, done, total: None)  # type: ignore[arg-type]
    assert [t.support for t in report.added] == [4]
    assert report.added[0].state == "draft"
    assert "reset your password" in report.added[0].text and "Tom" not in report.added[0].text
    again = mine_store(store, Letters(), MaskRules(), lambda step, done, total: None)  # type: ignore[arg-type]
    assert (again.added, again.unchanged) == ((), 1)


def test_answers_of_a_log_that_tells_no_people_from_bots_count_and_those_held_out_do_not(store: Store) -> None:
    reply = "You can return any lamp within 30 days of delivery, unused and in its own box."
    for author in ("assistant", "person"):
        store.import_conversations(
            ImportedConversation(
                "log",
                f"{author}{n}",
                (ImportedMessage("customer", f"how can i return a lamp {n}"), ImportedMessage("assistant", reply))
                + ((ImportedMessage("person", "Good morning."),) if author == "person" else ()),
            )
            for n in range(5)
        )
    ids = [talk.conversation.id for talk in store.iter_conversations() if talk.messages[-1].author == "assistant"]
    embedder, rules = Letters(), MaskRules()
    silent = mine_store(store, embedder, rules, lambda *step: None, ids)  # type: ignore[arg-type]
    assert silent.added == ()  # beside a person's answer the assistant's is a bot's
    report = mine_store(store, embedder, rules, lambda *step: None)  # type: ignore[arg-type]
    assert [(t.text, t.support) for t in report.added] == [(reply, 5)]


def test_importing_a_file_reports_what_is_no_template(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text('question,text,valid_until\nopen?,"9 to 5",2026-12-31\nclosed?,never,soon\n,x,\n')
    report = import_templates(store, file)
    assert [t.text for t in report.added] == ["9 to 5"]
    assert report.added[0].valid_until == datetime(2026, 12, 31, tzinfo=UTC)
    assert ["soon" in f.reason or "needs" in f.reason for f in report.failed] == [True, True]
    retire_template(store, report.added[0].id)
    assert templates(store, "draft") == []
