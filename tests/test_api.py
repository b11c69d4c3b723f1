"""The /api/v1 routes over real sockets: the contract, ownership, idempotency and vanished clients."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import Overloaded
from retrieval.failures import IndexMissing
from tests.web import GOOD, QUESTION, EndlessEngine, Site, eventually, listening, site

SLOW = 0.15  # seconds between words: the whole reply takes more than a second


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for the tests that do not mind each other."""
    with site(tmp_path_factory.mktemp("shop")) as running:
        yield running


@pytest.fixture
def slow_shop(tmp_path: Path) -> Iterator[Site]:
    """A server whose model takes its time."""
    with site(tmp_path, EndlessEngine(pause=SLOW)) as running:
        yield running


def names(events: list[tuple[str, object]]) -> list[str]:
    """The names of events, repeats once."""
    return list(dict.fromkeys(name for name, _ in events))


def test_a_message_is_accepted_streamed_cited_and_completed(shop: Site) -> None:
    talk = shop.begin()
    events = talk.say(QUESTION)
    assert names(events) == ["accepted", "delta", "citations", "completed"]
    told = dict(events)
    assert "".join(data["text"] for name, data in events if name == "delta").strip() == GOOD
    completed = told["completed"]
    assert completed["reply"] == GOOD and completed["action"] == "answer" and completed["model"] == "fake"
    assert set(completed) == {"message_id", "reply", "action", "citations", "evidence", "intent", "language"} | {
        "model",
        "adapter",
        "timings_ms",
    }
    assert told["citations"] == completed["citations"]
    assert completed["citations"][0]["passage_id"] == "faq#0" and completed["citations"][0]["quote"] == GOOD
    stored = talk.messages()
    assert [m["id"] for m in stored] == [told["accepted"]["message_id"], completed["message_id"]]


def test_accepted_comes_before_the_model_has_said_anything(slow_shop: Site) -> None:
    talk = slow_shop.begin()
    with talk.stream("POST", "/messages", {"text": QUESTION}) as events:
        name, data = next(events)
        assert name == "accepted"
        assert slow_shop.store.message(data["message_id"]).text == QUESTION
        assert slow_shop.store.reply_to(data["message_id"]) is None


def test_tokens_arrive_one_by_one(slow_shop: Site) -> None:
    talk = slow_shop.begin()
    arrived: list[float] = []
    with talk.stream("POST", "/messages", {"text": QUESTION}) as events:
        for name, _ in events:
            if name == "delta":
                arrived.append(time.monotonic())
    assert len(arrived) >= 5 and arrived[-1] - arrived[0] > 3 * SLOW


def test_a_repeated_message_replays_the_stored_reply(shop: Site) -> None:
    talk = shop.begin()
    first, again = dict(talk.say(QUESTION, "c-1")), talk.say(QUESTION, "c-1")
    assert names(again) == ["accepted", "citations", "completed"]
    assert dict(again)["accepted"] == first["accepted"]
    assert dict(again)["completed"] == first["completed"]
    assert len(talk.messages()) == 2


def test_a_message_repeated_while_it_is_answered_joins_that_turn(slow_shop: Site) -> None:
    talk = slow_shop.begin()
    seen: list[list[tuple[str, object]]] = []
    threads = [threading.Thread(target=lambda: seen.append(talk.say(QUESTION, "same"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(slow_shop.engine.prompts) == 1
    assert len({json.dumps(dict(events)["completed"], sort_keys=True) for events in seen}) == 1
    assert [m["author"] for m in talk.messages()] == ["customer", "assistant"]


def test_a_waiting_repeat_answers_itself_when_the_first_client_vanishes(slow_shop: Site) -> None:
    talk = slow_shop.begin()
    seen: list[list[tuple[str, object]]] = []
    repeat = threading.Thread(target=lambda: seen.append(talk.say(QUESTION, "same")))
    with talk.stream("POST", "/messages", {"text": QUESTION, "client_message_id": "same"}) as events:
        assert [next(events)[0], next(events)[0]] == ["accepted", "delta"]
        repeat.start()
        time.sleep(0.3)
    repeat.join()
    assert dict(seen[0])["completed"]["reply"] == GOOD  # type: ignore[index]
    assert [m["author"] for m in talk.messages()] == ["customer", "assistant"]


def test_the_same_client_message_id_for_another_text_is_a_conflict(shop: Site) -> None:
    talk = shop.begin()
    talk.say(QUESTION, "c-1")
    answer = talk.post("/messages", {"text": "Something else", "client_message_id": "c-1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


def test_a_vanished_client_frees_its_slot_within_two_seconds_and_hurts_nobody(slow_shop: Site) -> None:
    stays, goes = slow_shop.begin(), slow_shop.begin()
    seen: list[list[tuple[str, object]]] = []
    other = threading.Thread(target=lambda: seen.append(stays.say(QUESTION)))
    other.start()
    with goes.stream("POST", "/messages", {"text": QUESTION, "client_message_id": "c"}) as events:
        assert [next(events)[0], next(events)[0]] == ["accepted", "delta"]
        eventually(lambda: slow_shop.engine.running == 2)
    left = time.monotonic()
    eventually(lambda: slow_shop.engine.running <= 1, 2)
    assert time.monotonic() - left < 2
    other.join()
    assert dict(seen[0])["completed"]["reply"] == GOOD  # type: ignore[index]
    assert [m["author"] for m in goes.messages()] == ["customer"]
    assert dict(goes.say(QUESTION, "c"))["completed"]["reply"] == GOOD
    assert [m["author"] for m in goes.messages()] == ["customer", "assistant"]


def test_a_client_that_vanishes_before_the_first_token_frees_its_slot(tmp_path: Path) -> None:
    engine = EndlessEngine(pause=30)
    with site(tmp_path, engine) as shop:
        talk = shop.begin()
        with talk.stream("POST", "/messages", {"text": QUESTION}) as events:
            assert next(events)[0] == "accepted"
            eventually(lambda: engine.running == 1)
        eventually(lambda: engine.running == 0, 2)


def test_pings_come_while_the_model_thinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.sse.PING_SECONDS", 0.1)
    with site(tmp_path, EndlessEngine("Yes.", pause=0.6)) as shop:
        assert "ping" in [name for name, _ in shop.begin().say(QUESTION)]


def test_a_full_house_is_told_to_come_back_before_anything_is_stored(tmp_path: Path) -> None:
    with site(tmp_path, EndlessEngine(pause=SLOW), engine_slots=1, engine_queue=0) as shop:
        first, second = shop.begin(), shop.begin()
        with first.stream("POST", "/messages", {"text": QUESTION}) as events:
            assert next(events)[0] == "accepted"
            started = time.monotonic()
            answer = second.post("/messages", {"text": QUESTION})
            assert time.monotonic() - started < 1
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
        assert second.messages() == []


def test_an_engine_that_refuses_after_the_start_ends_the_stream_with_an_error(tmp_path: Path) -> None:
    class Full(EndlessEngine):
        async def generate(self, messages: object, sampling: object) -> object:
            raise Overloaded("every slot is taken", retry_after=7)

    with site(tmp_path, Full()) as shop:
        events = shop.begin().say(QUESTION)
        assert names(events) == ["accepted", "error"]
        assert events[-1][1] == {"code": "overloaded", "message": "every slot is taken", "retry_after": 7}


def test_without_an_index_the_customer_learns_no_folder_and_small_talk_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise IndexMissing(Path("/srv/secret/index"))

    monkeypatch.setattr("tests.fakes.FakeRetriever.search", missing)
    with site(tmp_path) as shop:
        talk = shop.begin()
        name, data = talk.say(QUESTION)[-1]
        assert (name, data["code"]) == ("error", "unavailable") and "secret" not in data["message"]
        assert talk.say("hi")[-1][0] == "completed"


def test_a_fault_of_ours_is_an_error_event_that_tells_only_an_incident(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(EndlessEngine):
        async def generate(self, messages: object, sampling: object) -> object:
            raise RuntimeError("secret path /etc/shadow")

    with site(tmp_path, Broken()) as shop:
        name, data = shop.begin().say(QUESTION)[-1]
    assert name == "error" and data["code"] == "internal" and "shadow" not in data["message"]
    incident = data["message"].split()[-1].strip(".")
    logged = next(record for record in caplog.records if incident in record.getMessage())
    assert logged.exc_info is not None


def test_asking_for_a_person_is_told_at_the_end_of_the_stream(shop: Site) -> None:
    talk = shop.begin()
    events = talk.say("I want to talk to a human")
    assert events[-1] == ("waiting_for_person", {"reason": "asked_for_person", "state": "waiting"})


def test_a_person_who_has_taken_over_silences_the_assistant(shop: Site) -> None:
    talk = shop.begin()
    assert talk.post("/hand_over", {"reason": "I am lost"}).json() == {"state": "waiting"}
    assert talk.post("/hand_over").json() == {"state": "waiting"}
    shop.store.take_over(talk.id, "Mei")
    events = talk.say(QUESTION)
    assert names(events) == ["accepted", "waiting_for_person"] and events[-1][1]["state"] == "person"


def test_a_closed_conversation_can_be_read_and_scored_but_not_continued(shop: Site) -> None:
    talk = shop.begin()
    talk.say(QUESTION)
    assert talk.post("/close").json() == {"state": "closed"}
    assert talk.post("/messages", {"text": "Hello?"}).status_code == 409
    assert len(talk.messages()) == 2
    assert talk.post("/satisfaction", {"score": 5, "comment": "quick"}).json() == {"score": 5}
    assert talk.post("/satisfaction", {"score": 6}).status_code == 422


def test_messages_are_read_in_pages(shop: Site) -> None:
    talk = shop.begin()
    for text in ("hi", "thanks"):
        talk.say(text)
    everything = talk.messages()
    assert [m["position"] for m in everything] == [1, 2, 3, 4]
    assert talk.messages(after=everything[1]["id"]) == everything[2:]
    page = shop.client.get(f"{talk.path}/messages", params={"limit": 3}, headers=talk.headers).json()
    assert page["messages"] == everything[:3] and page["more"] is True and page["state"] == "assistant"
    foreign = shop.begin()
    foreign.say("hi")
    other = shop.client.get(
        f"{talk.path}/messages", params={"after": foreign.messages()[0]["id"]}, headers=talk.headers
    )
    assert other.status_code == 404
    for limit in (0, 201, "x"):
        bad = shop.client.get(f"{talk.path}/messages", params={"limit": limit}, headers=talk.headers)
        assert bad.status_code == 422


def test_an_answer_is_rated_by_its_own_customer_only(shop: Site) -> None:
    talk, foreign = shop.begin(), shop.begin()
    answered = dict(talk.say(QUESTION))
    path = f"/api/v1/messages/{answered['completed']['message_id']}/rating"
    assert shop.client.post(path, json={"value": 1}).status_code == 401
    assert shop.client.post(path, json={"value": 1}, headers=foreign.headers).status_code == 404
    assert shop.client.post(path, json={"value": 0}, headers=talk.headers).status_code == 422
    assert shop.client.post(path, json={"value": -1, "comment": "wrong"}, headers=talk.headers).status_code == 200
    assert talk.messages()[1]["rating"] == -1
    own = f"/api/v1/messages/{answered['accepted']['message_id']}/rating"
    assert shop.client.post(own, json={"value": 1}, headers=talk.headers).status_code == 422


def test_events_tell_what_staff_write_and_who_answers(shop: Site) -> None:
    talk = shop.begin()
    talk.say("hi")
    with listening(talk) as heard:
        heard.until(lambda events: ("state", {"state": "assistant"}) in events)
        talk.say("thanks")
        heard.until(
            lambda events: [m["author"] for name, m in events if name == "message"] == ["customer", "assistant"]
        )
        talk.post("/hand_over")
        heard.until(lambda events: ("state", {"state": "waiting"}) in events)
        talk.post("/close")
        heard.until(lambda events: ("state", {"state": "closed"}) in events)


def test_events_go_on_after_the_last_one_seen(shop: Site) -> None:
    talk = shop.begin()
    for text in ("hi", "thanks"):
        talk.say(text)
    talk.post("/close")
    seen = talk.messages()[1]["id"]
    with talk.stream("GET", f"/events?after={seen}") as events:
        assert [data.get("position") for name, data in events if name == "message"] == [3, 4]


def test_events_notice_what_another_process_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.feed.LOOK_SECONDS", 0.1)
    with site(tmp_path) as shop:
        talk = shop.begin()
        with listening(talk) as heard:
            heard.until(lambda events: len(events) == 1)
            shop.store.add_person_message(talk.id, "Hello, this is Mei.", "Mei")
            heard.until(lambda events: any(name == "message" and m["name"] == "Mei" for name, m in events))
