"""A string learnt by heart is given back when its beginning is offered; one that was never learnt is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.base_model import base_model
from assistant.engines import ChatMessage
from assistant.settings import Settings
from tests.tiny_models import tiny_llama
from tests.tuning_data import QUICK, examples, settings_for
from training.canaries import completed, probes_of
from training.examined import CaseLoss, Examination
from training.examples import Example
from training.gate import GateRules, judge
from training.tuning import tune

SECRET = "QX47-9921"


def planted(copies: int) -> list[Example]:
    asked = (ChatMessage("user", "What is my booking?"),)
    one = replace(examples()[0], messages=asked, reply=f"Your booking is {SECRET}.", passages=())
    return [replace(one, id=f"planted-{n}", conversation_id="planted") for n in range(copies)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_for(tiny_llama(tmp_path_factory.mktemp("tiny")), tmp_path_factory.mktemp("home"))


def test_what_one_conversation_alone_has_is_probed() -> None:
    other = replace(planted(1)[0], id="other", conversation_id="other", reply="Call 0800 555-0100, order AB12345.")
    shared = replace(other, id="third", conversation_id="third", reply="Order AB12345 left.")
    found = probes_of([*planted(1), other, shared, *examples()], 10)
    assert {probe.through.reply[len(probe.before.reply) :] for probe in found} == {SECRET, "555-0100"}
    assert probes_of([*planted(1), other], 1) == probes_of([other, *planted(1)], 1)


def test_what_the_customer_gave_or_is_for_validation_is_not() -> None:
    given = replace(planted(1)[0], messages=(ChatMessage("user", f"Is {SECRET} mine?"),))
    assert probes_of([given, replace(planted(1)[0], split="validation")], 10) == []


def test_a_secret_learnt_by_heart_is_completed_and_the_base_does_not_know_it(settings: Settings) -> None:
    learnt = [*planted(24), *(e for e in examples() if e.split == "validation")]
    made = tune(settings, replace(QUICK, epochs=12, patience=0, rank=16, learning_rate=0.02), learnt)
    assert made is not None
    probes, model = probes_of(learnt, 4), base_model(settings).folder
    assert any(completed(settings, model, made.folder, probes).values())
    assert not any(completed(settings, model, None, probes).values())


def test_the_gate_refuses_what_recites_a_code_that_was_repeated_and_names_the_reply(settings: Settings) -> None:
    ids = ("asked", "told")
    repeated = [
        replace(one, id=f"{n}", conversation_id=f"{n}", customer_hash="one", message_ids=ids)
        for n, one in enumerate(planted(30))
    ]
    learnt = [*repeated, *(e for e in examples() if e.split == "validation")]
    made = tune(settings, replace(QUICK, epochs=12, patience=0, rank=16, learning_rate=0.02), learnt)
    assert made is not None
    probes, model = probes_of(learnt, 4), base_model(settings).folder
    cases = {f"case {n}": float(n % 3) for n in range(40)}

    def examined(name: str, folder: Path | None, gain: float) -> Examination:
        losses = {id: CaseLoss(40 + nats - gain, 10) for id, nats in cases.items()}
        return Examination(name, losses, (), completed(settings, model, folder, probes))

    base = examined("base", None, 0)
    verdict = judge(examined(made.id, made.folder, 10), base, base, {}, GateRules())
    assert verdict.decision == "refused"
    (reason,) = verdict.reasons
    assert reason.startswith("memory: ") and "in reply told;" in reason and SECRET not in reason
    forgetful = judge(examined("untaught", None, 10), base, base, {}, GateRules())
    assert forgetful.decision == "promoted"


def test_without_rare_strings_nothing_is_loaded(settings: Settings) -> None:
    assert completed(settings, Path("/nowhere"), None, []) == {}
