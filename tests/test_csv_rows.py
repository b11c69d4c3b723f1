"""What the columns of a CSV file mean is told or guessed, and rows become messages."""

from __future__ import annotations

import pytest

from assistant.errors import InvalidInput
from training.csv_rows import find_columns, parse_columns, row_to_message, row_to_record
from training.log_fields import Malformed


def test_columns_are_guessed_from_usual_headers() -> None:
    columns = find_columns(["Conversation ID", "Speaker", "Utterance", "Timestamp", "extra"], {})
    assert columns.header == {
        "conversation": "Conversation ID",
        "role": "Speaker",
        "text": "Utterance",
        "created_at": "Timestamp",
    }
    assert find_columns(["Prompt", "Response"], {}).paired


def test_told_columns_go_before_guesses() -> None:
    columns = find_columns(["text", "body", "role", "ticket"], {"text": "body"})
    assert columns.header["text"] == "body"


@pytest.mark.parametrize("told", ["text", "text=", "colour=Body"])
def test_a_bad_mapping_is_refused_with_the_meanings(told: str) -> None:
    with pytest.raises(InvalidInput, match="conversation"):
        parse_columns(told)


def test_a_good_mapping() -> None:
    assert parse_columns("text=Body, role=Sent by") == {"text": "Body", "role": "Sent by"}


def test_inbound_tells_customers_from_agents() -> None:
    columns = find_columns(["ticket", "inbound", "text", "customer id"], {})
    key, about, message = row_to_message({"ticket": "7", "inbound": "False", "text": "hi", "customer id": "c"}, columns)
    assert (key, about, message["role"]) == ("7", {"customer_id": "c"}, "agent")
    with pytest.raises(Malformed, match="maybe"):
        row_to_message({"ticket": "7", "inbound": "maybe", "text": "hi", "customer id": "c"}, columns)


def test_a_pair_has_an_id_that_stays_the_same() -> None:
    columns = find_columns(["question", "answer"], {})
    row = {"question": "When?", "answer": "Now."}
    assert row_to_record(row, columns)["id"] == row_to_record(dict(row), columns)["id"]
