"""Every export format is recognised, read into conversations, and survives malformed records."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import InvalidInput, NotFound
from tests import exports
from tests.reading_logs import read, turns
from training.importers import LogReader


def test_open_webui_follows_the_current_branch(tmp_path: Path) -> None:
    reader, (chat,) = read(exports.write_json(tmp_path / "chat-export.json", [exports.open_webui_chat()]))
    assert (reader.format.name, chat.external_id, chat.customer_id) == ("open-webui", "c-1", "u-9")
    assert turns(chat) == [
        ("customer", "Which lamp is dimmable?"),
        ("assistant", "The Aurora."),
        ("customer", "Thanks"),
    ]
    assert (chat.messages[1].rating, chat.messages[1].name) == (1, "Smol")


def test_a_looping_message_tree_is_reported_not_followed(tmp_path: Path) -> None:
    chat = exports.open_webui_chat()
    chat["chat"]["history"]["messages"]["m1"]["parentId"] = "m4"
    reader, chats = read(exports.write_json(tmp_path / "c.json", [chat, exports.open_webui_chat("c-2")]))
    assert ([c.external_id for c in chats], reader.failed) == (["c-2"], 1)
    assert "message tree is broken" in reader.failures[0].reason


def test_our_own_format(tmp_path: Path) -> None:
    reader, (chat,) = read(exports.write_lines(tmp_path / "shop.jsonl.gz", [exports.MESSAGES]))
    assert (reader.format.name, chat.source, chat.external_id) == ("messages", "shop", "a-1")
    assert turns(chat) == [("system", "Be kind."), ("customer", "Is it in stock?"), ("assistant", "Yes.")]
    assert (chat.customer_id, chat.resolved, chat.messages[2].rating, chat.messages[2].name) == ("c-7", True, 1, "Ida")
    assert chat.messages[1].created_at == datetime(2024, 5, 1, 6, tzinfo=UTC)


def test_knowledge_stays_with_the_reply_that_was_written_from_it(tmp_path: Path) -> None:
    asked, replied = {"role": "user", "content": "Is breakfast free?"}, {"role": "assistant", "content": "Yes, it is."}
    records = [
        {"id": "1", "messages": [asked, replied | {"knowledge": [{"text": "Breakfast is free."}]}, asked, replied]},
        {"id": "2", "messages": [asked, replied], "knowledge": [{"text": "Breakfast is free."}]},
        {"id": "3", "messages": [asked], "reply": "Yes.", "knowledge": [{"text": "Breakfast is free."}]},
        {"id": "4", "messages": [asked, replied], "knowledge": [{"text": ""}]},
        {"id": "5", "messages": [asked], "knowledge": [{"text": "Nobody answered."}]},
    ]
    reader, chats = read(exports.write_lines(tmp_path / "log.jsonl", records))
    given = [[[p.text for p in message.passages] for message in chat.messages] for chat in chats]
    free = ["Breakfast is free."]
    assert given == [[[], free, [], []], [[], free], [[], free], [[]]]
    assert chats[2].messages[1].text == "Yes."
    assert [failure.place for failure in reader.failures] == ["line 4"] and "text" in reader.failures[0].reason


def test_openai_parts_and_tools_and_stable_ids(tmp_path: Path) -> None:
    record = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Weather?"}, {"type": "image_url", "image_url": {}}]},
            {"role": "assistant", "content": None, "tool_calls": [{}]},
            {"role": "tool", "content": "21"},
            {"role": "assistant", "content": "21 degrees."},
        ]
    }
    path = exports.write_lines(tmp_path / "o.jsonl", [record, record])
    _, (first, second) = read(path, format="openai")
    assert turns(first) == [("customer", "Weather?"), ("assistant", "21 degrees.")]
    assert first.external_id == second.external_id


def test_sharegpt_and_alpaca(tmp_path: Path) -> None:
    sharegpt = {"id": "s1", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}
    alpaca = {"instruction": "Translate", "input": "chat", "output": "cat", "history": [["a", "b"]]}
    reader, (chat,) = read(exports.write_json(tmp_path / "s.json", [sharegpt]))
    assert (reader.format.name, chat.external_id, turns(chat)) == (
        "sharegpt",
        "s1",
        [("customer", "Hi"), ("assistant", "Hello")],
    )
    reader, (chat,) = read(exports.write_json(tmp_path / "a.json", [alpaca]))
    assert reader.format.name == "alpaca"
    assert turns(chat) == [
        ("customer", "a"),
        ("assistant", "b"),
        ("customer", "Translate\n\nchat"),
        ("assistant", "cat"),
    ]


def write_csv(path: Path, rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def test_csv_with_a_message_a_row(tmp_path: Path) -> None:
    rows = [
        ["Ticket ID", "Sender", "Message", "Created At", "Private"],
        ["1", "Agent", "We do.", "2024-01-01 10:05", "no"],
        ["2", "customer", "Other", "2024-01-01 09:00", "no"],
        ["1", "Customer", "Do you\nship?", "2024-01-01 10:00", ""],
        ["1", "Agent", "secret", "2024-01-01 10:06", "yes"],
    ]
    for encoding, delimiter in (("utf-8-sig", ";"), ("utf-16", "\t"), ("utf-8", ",")):
        path = write_csv(tmp_path / f"{encoding}.csv", rows, delimiter, encoding)
        reader, chats = read(path)
        assert [chat.external_id for chat in chats] == ["1", "2"]
        assert turns(chats[0]) == [("customer", "Do you\nship?"), ("person", "We do.")]
        assert (reader.format.name, reader.failed) == ("csv", 0)


def test_csv_with_a_question_and_answer_a_row_and_told_columns(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "faq.csv", [["frage", "antwort", "wer"], ["Wann?", "Morgen.", "Uwe"], ["", "x", "y"]])
    reader, (chat,) = read(path, columns={"question": "frage", "answer": "antwort", "name": "wer"})
    assert turns(chat) == [("customer", "Wann?"), ("person", "Morgen.")]
    assert (chat.messages[1].name, reader.failures[0].place) == ("Uwe", "row 3")


def test_csv_whose_columns_cannot_be_told_apart_says_how_to_name_them(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", [["a", "b"], ["1", "2"]])
    with pytest.raises(InvalidInput, match="--columns"):
        read(path)
    with pytest.raises(InvalidInput, match="no column 'c'"):
        read(path, columns={"question": "c"})


def test_malformed_records_are_told_with_place_and_reason_and_the_rest_is_imported(tmp_path: Path) -> None:
    good = [exports.MESSAGES | {"id": f"g{i}"} for i in range(3)]
    lines = [
        good[0],
        '{"id": 1, "messages": [',
        "[1, 2]",
        {"id": "x"},
        {"id": "y", "messages": "hello"},
        {"id": "z", "messages": [{"role": "wizard", "content": "abra"}]},
        {"id": "t", "messages": [{"role": "user", "content": "x", "created_at": "yesterdayish"}]},
        {"id": ["list"], "messages": [{"role": "user", "content": "x"}]},
        {"id": "e", "messages": [{"role": "system", "content": "only rules"}]},
        good[1],
        "",
        good[2],
    ]
    reader, chats = read(exports.write_lines(tmp_path / "m.jsonl", lines))
    assert [chat.external_id for chat in chats] == ["g0", "g1", "g2"]
    assert (reader.failed, reader.empty) == (7, 1)
    assert [failure.place for failure in reader.failures] == [f"line {n}" for n in range(2, 9)]
    reasons = " | ".join(failure.reason for failure in reader.failures)
    for part in (
        "not JSON",
        "not an object",
        "does not look like messages",
        "'hello'",
        "'wizard'",
        "'yesterdayish'",
        "['list']",
    ):
        assert part in reasons


def test_a_broken_first_line_does_not_hide_the_format(tmp_path: Path) -> None:
    reader, chats = read(exports.write_lines(tmp_path / "m.jsonl", ['{"id": 1, "messages": [', exports.MESSAGES]))
    assert (reader.format.name, len(chats), reader.failures[0].place) == ("messages", 1, "line 1")


def test_a_truncated_array_gives_what_came_before(tmp_path: Path) -> None:
    text = json.dumps([exports.freshdesk_ticket(n) for n in range(5)])
    path = tmp_path / "cut.json"
    path.write_text(text[: text.rindex('"subject"')], "utf-8")
    reader, tickets = read(path)
    assert [ticket.external_id for ticket in tickets] == ["0", "1", "2", "3"]
    assert reader.failures[0].place == "record 5"


def test_a_truncated_gzip_gives_what_came_before(tmp_path: Path) -> None:
    path = exports.write_lines(
        tmp_path / "m.jsonl.gz", [exports.MESSAGES | {"id": str(random.random())} for _ in range(2000)]
    )
    path.write_bytes(path.read_bytes()[:-500])
    reader, chats = read(path)
    assert len(chats) > 1000
    assert "damaged" in reader.failures[-1].reason


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "[1, 2]", '{"a": 1}', '{"rows": [{"x": 1}]}', "\x00\x01\x02", "just words\nand more"]
)
def test_a_file_of_no_known_format_is_refused_with_what_was_seen(tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content, "utf-8")
    with pytest.raises(InvalidInput):
        read(path)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        LogReader(tmp_path / "nowhere.json")
    with pytest.raises(InvalidInput, match="folder"):
        LogReader(tmp_path)


def test_a_source_can_be_told(tmp_path: Path) -> None:
    path = exports.write_json(tmp_path / "f.json", [exports.freshdesk_ticket()])
    assert read(path, source="brand-b")[1][0].source == "brand-b"


def test_no_field_of_any_type_stops_an_import(tmp_path: Path) -> None:
    """Every field of every format replaced by every kind of value: reported or imported, never raised."""
    records = [
        exports.zendesk_ticket(),
        exports.intercom_conversation(),
        {"id": 7, "inbox_id": 1, "messages": exports.chatwoot_messages(), "meta": {"sender": {"id": 1}}},
        exports.freshdesk_ticket(),
        exports.open_webui_chat(),
        exports.MESSAGES,
        {"conversations": [{"from": "human", "value": "x"}]},
    ]
    odd = [None, 5, 1.5, True, "text", [], [1], ["x", None], {}, {"a": 1}, {"id": [1]}, "\ud800", "\x00"]
    for number, record in enumerate(records):
        text = json.dumps(record)
        variants = [record]
        for path in _paths(record):
            for value in odd:
                changed = json.loads(text)
                _set(changed, path, value)
                variants.append(changed)
        file = tmp_path / f"{number}.jsonl"
        file.write_text("\n".join(map(json.dumps, variants)), "utf-8")
        reader, chats = read(file)
        assert len(chats) + reader.failed + reader.empty >= len(variants) * 0.5
        assert all(chat.content_hash for chat in chats)


def _paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in items for found in ((*prefix, key), *_paths(inner, (*prefix, key)))]


def _set(record: Any, path: tuple[Any, ...], value: object) -> None:
    for key in path[:-1]:
        record = record[key]
    record[path[-1]] = value
