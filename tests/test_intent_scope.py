"""Whether messages are any of the intents: each by itself, and seen together with others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from typer.testing import CliRunner

from assistant.intent_scope import BELIEVED, FEWEST_TOGETHER, OUTSIDE_SHARE, Acceptor, Judged, all_of, outside_share
from assistant.intents import IntentModel
from assistant.settings import Settings
from retrieval.by_script import Reads
from training.intent_acceptance import learn_acceptance
from training.intent_rounds import HeldOut
from ui.batch import Line
from ui.cli import app
from ui.intent_batch import classify_lines


def signals_of(inside: int, outside: int, seed: int) -> np.ndarray:
    """(n, 1) signals, those in scope first, the two kinds two deviations apart."""
    random = np.random.default_rng(seed)
    return np.concatenate([random.normal(2, 1, inside), random.normal(0, 1, outside)])[:, None]


@pytest.fixture(scope="module")
def acceptor() -> Acceptor:
    """Learnt from 4,000 messages; every one in scope would be judged rightly."""
    right = np.arange(4000) < 2000
    weight = np.stack([right / 2000, ~right / 2000], axis=1)
    return learn_acceptance(HeldOut(signals_of(2000, 2000, 1), right, weight, ()), 300).acceptor


def judged(acceptor: Acceptor, inside: int, outside: int) -> Judged:
    return acceptor.judge(np.zeros(inside + outside, dtype=int), signals_of(inside, outside, 2))


@pytest.mark.parametrize(("inside", "outside"), [(2000, 0), (1900, 100), (1300, 700), (400, 1600)])
def test_a_batch_shows_how_many_are_out_of_scope(acceptor: Acceptor, inside: int, outside: int) -> None:
    found = outside_share(judged(acceptor, inside, outside).inside)
    assert found == pytest.approx(outside / (inside + outside), abs=0.04)


def test_little_is_believed_of_few_messages() -> None:
    assert outside_share(np.full(1, 1.0)) == pytest.approx(OUTSIDE_SHARE * BELIEVED / (BELIEVED + 1))


def test_where_all_are_in_scope_hardly_any_is_refused(acceptor: Acceptor) -> None:
    found = judged(acceptor, 1000, 0)
    assert found.taken.mean() < 0.97
    assert found.taken_together().mean() > 0.995


def test_where_most_are_out_of_scope_more_are_refused_but_never_the_surest(acceptor: Acceptor) -> None:
    found = judged(acceptor, 300, 1200)
    taken = found.taken_together()
    assert (~taken[300:]).mean() > (~found.taken[300:]).mean() + 0.03
    assert (~taken[:300]).mean() < 0.12  # at most a tenth of those held out was lost where it was learnt


def test_a_few_messages_are_judged_one_by_one(acceptor: Acceptor) -> None:
    few = judged(acceptor, FEWEST_TOGETHER - 1, 0)
    assert (few.taken_together() == few.taken).all() and not few.taken.all()


def test_rows_of_two_acceptors_are_put_together(acceptor: Acceptor) -> None:
    one, other = judged(acceptor, 3, 1), judged(Acceptor(acceptor.right, acceptor.inside, 1.1, 9.0), 3, 1)
    mixed = one.where(np.array([False, True, False, True]), other)
    assert mixed.surest.tolist() == [acceptor.surest, 9.0, acceptor.surest, 9.0]
    assert mixed.taken.tolist() == [one.taken[0], False, one.taken[2], False]
    both = all_of([one, other])
    assert both.right.tolist() == [*one.right, *other.right]
    assert both.taken.tolist() == [*one.taken, *other.taken]


class Unsure:
    """By itself every message is refused, together with others of its kind none: they are all in scope."""

    names = ("refund",)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        return np.zeros((len(texts), 1))

    def judge(self, vectors: np.ndarray, texts: Sequence[str]) -> Judged:
        size = len(texts)
        sure = np.full(size, 0.9)
        return Judged(np.zeros(size, int), sure, np.full(size, 0.97), np.zeros(size, bool), np.full(size, 50.0))

    named = IntentModel.named


@pytest.mark.parametrize(("lines", "named"), [(FEWEST_TOGETHER - 1, 0), (FEWEST_TOGETHER + 30, FEWEST_TOGETHER + 30)])
def test_lines_of_a_file_are_seen_together(capsys: pytest.CaptureFixture[str], lines: int, named: int) -> None:
    asked = [Line(number, {"text": f"message {number}"}) for number in range(lines)]
    classify_lines(cast(IntentModel, Unsure()), cast(Reads, Unsure()), asked, lambda step, done, total: None)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["id"] for one in found] == list(range(lines))
    assert sum(one["intent"] is not None for one in found) == named


WISHES = {
    "refund": "I want my money back for {}|please refund {}|how do I get a refund for {}|return the money for {}",
    "delivery": "where is {}|when does {} arrive|track the parcel with {}|is {} on its way",
    "cancel": "cancel the order of {}|I no longer want {}, stop it|please cancel {}|can I still cancel {}",
}
TAUGHT = ("the lamp", "my chair", "the blue vase")
ASKED = ("the sofa", "a desk", "my pillow", "the rug", "two mugs", "the shelf", "that clock", "my order", "the candle")


def test_a_file_is_classified_together_and_a_broken_line_says_why(real_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(real_settings.models_folder.resolve())
    examples = tmp_path / "examples.jsonl"
    lines = [{"text": text, "intent": name} for name, text in wishes(TAUGHT)]
    examples.write_text("\n".join(map(json.dumps, lines)))
    assert intents(tmp_path, "import", str(examples))[0]["fitted"] is True
    batch = tmp_path / "batch.jsonl"
    asked = wishes(ASKED)
    questions = [{"id": number, "text": text} for number, (_, text) in enumerate(asked)]
    batch.write_text("\n".join([*map(json.dumps, questions), '{"id": "x"}', "not JSON"]))
    *found, empty, broken = intents(tmp_path, "classify", "--batch", str(batch))
    assert len(found) == len(asked) >= FEWEST_TOGETHER
    assert [line["id"] for line in found] == list(range(len(asked)))
    right = [line["intent"] and line["intent"]["name"] for line in found]
    assert np.mean([name == true for name, (true, _) in zip(right, asked, strict=True)]) > 0.9
    assert empty == {"id": "x", "error": 'give "text", a customer\'s message'}
    assert "not JSON" in broken["error"]
    assert intents(tmp_path, "classify", asked[0][1])[0]["intent"]["name"] == asked[0][0]


def wishes(things: Sequence[str]) -> list[tuple[str, str]]:
    """Intent and message."""
    return [(name, said.format(thing)) for name, told in WISHES.items() for said in told.split("|") for thing in things]


def intents(home: Path, *words: str) -> list[dict[str, Any]]:
    """What a command answers."""
    done = CliRunner().invoke(app, ["--home", str(home), "intents", *words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]
