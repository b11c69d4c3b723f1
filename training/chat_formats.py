"""Conversations out of chat logs: our own and OpenAI's `messages`, ShareGPT, Alpaca and Open WebUI.

One function per shape, from a record to a conversation. Knows nothing of files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assistant.conversation import ImportedConversation, ImportedMessage
from training.given_passages import given_passages
from training.helpdesk_formats import People
from training.log_fields import (
    Malformed,
    author_of,
    content_id,
    identifier,
    identifier_or_none,
    mapping,
    name_or_none,
    rating_or_none,
    said,
    sequence,
    stars_or_none,
    text,
    time_or_none,
    truth_or_none,
)

THINKING = re.compile(
    r"<details type=\"(?:reasoning|code_interpreter|tool_calls)\".*?</details>|<think>.*?</think>", re.DOTALL
)


def messages_log(record: Mapping[str, Any], source: str, _: People) -> ImportedConversation:
    """`{"id"?, "messages": [{"role", "content", …}], "customer_id"?, "resolved"?}`: ours, OpenAI's and TRL's.

    Our exports add `source`, and to messages `author`, which tells persons from the assistant. What a reply was written
    from may stand with it, or with the record for its last reply, as `knowledge`. Cases, which have their `reply`
    apart, are conversations too.
    """
    messages: list[ImportedMessage] = []
    for i, item in enumerate(sequence(record.get("messages"), "messages"), start=1):
        message = mapping(item, f"message {i}")
        author = author_of(message.get("author") or message.get("role"))
        if author is None or truth_or_none(message.get("private")):
            continue
        spoken = said(
            author,
            text(message.get("content"), f"content of message {i}"),
            name=name_or_none(message.get("name")),
            created_at=time_or_none(message.get("created_at"), f"created_at of message {i}"),
            rating=rating_or_none(message.get("rating")),
            external_id=identifier_or_none(message.get("id")),
        )
        messages += _written_from(spoken, message.get("knowledge"), f"message {i}")
    messages += said("assistant", text(record.get("reply"), "reply"))
    messages = _written_from(messages, record.get("knowledge"), "record")
    return ImportedConversation(
        source=name_or_none(record.get("source")) or source,
        external_id=_id(record, messages),
        messages=tuple(messages),
        customer_id=identifier_or_none(record.get("customer_id")),
        language=name_or_none(record.get("language")),
        resolved=truth_or_none(record.get("resolved")),
        satisfaction=stars_or_none(record.get("satisfaction")),
        satisfaction_comment=name_or_none(record.get("satisfaction_comment")),
    )


def _written_from(messages: list[ImportedMessage], knowledge: object, what: str) -> list[ImportedMessage]:
    """The messages, the last of them with what it was written from if it is a reply; raises InvalidInput."""
    if knowledge is None or not messages or messages[-1].author not in ("assistant", "person"):
        return messages
    return [*messages[:-1], replace(messages[-1], passages=given_passages(what, knowledge))]


def _id(record: Mapping[str, Any], messages: Sequence[ImportedMessage]) -> str:
    id = identifier_or_none(record.get("id", record.get("conversation_id")))
    return id or content_id([(message.author, message.text) for message in messages])


def sharegpt(record: Mapping[str, Any], source: str, _: People) -> ImportedConversation:
    """`{"conversations": [{"from": "human", "value"}], "id"?, "system"?}`."""
    messages = said("system", text(record.get("system"), "system"))
    for i, item in enumerate(sequence(record.get("conversations"), "conversations"), start=1):
        turn = mapping(item, f"turn {i}")
        author = author_of(turn.get("from"))
        if author is not None:
            messages += said(author, text(turn.get("value"), f"value of turn {i}"))
    return ImportedConversation(source, _id(record, messages), tuple(messages))


def alpaca(record: Mapping[str, Any], source: str, _: People) -> ImportedConversation:
    """`{"instruction", "input"?, "output", "system"?, "history"?: [[question, answer], …]}`."""
    messages = said("system", text(record.get("system"), "system"))
    for i, pair in enumerate(sequence(record.get("history") or [], "history"), start=1):
        if len(sequence(pair, f"history {i}")) != 2:
            raise Malformed(f"history {i} is no pair of question and answer")
        messages += said("customer", text(pair[0], f"history {i}")) + said("assistant", text(pair[1], f"history {i}"))
    asked = [text(record.get(key), key) for key in ("instruction", "input")]
    messages += said("customer", "\n\n".join(part for part in asked if part))
    messages += said("assistant", text(record.get("output"), "output"))
    return ImportedConversation(source, _id(record, messages), tuple(messages))


def open_webui(record: Mapping[str, Any], source: str, _: People) -> ImportedConversation:
    """An exported chat: the branch of the message tree that ends at `currentId`."""
    chat = mapping(record["chat"], "chat") if "chat" in record else record
    history = mapping(chat.get("history"), "history")
    tree = mapping(history.get("messages"), "history.messages")
    branch = _branch(tree, history.get("currentId"))
    messages: list[ImportedMessage] = []
    for id, message in branch:
        author = author_of(message.get("role"))
        annotation = message.get("annotation")
        if author is None:
            continue
        content = message.get("content")
        messages += said(
            author,
            text(THINKING.sub("", content) if isinstance(content, str) else content, f"content of message {id!r}"),
            name=name_or_none(message.get("modelName") or message.get("model")) if author == "assistant" else None,
            created_at=time_or_none(message.get("timestamp"), f"timestamp of message {id!r}"),
            rating=rating_or_none(annotation.get("rating")) if isinstance(annotation, Mapping) else None,
            external_id=id,
        )
    return ImportedConversation(
        source=source,
        external_id=identifier(record.get("id") or chat.get("id"), "chat id"),
        messages=tuple(messages),
        customer_id=identifier_or_none(record.get("user_id")),
    )


def _branch(tree: Mapping[str, Any], current: object) -> list[tuple[str, Mapping[str, Any]]]:
    """From the root to `current` (the newest message if the export names none); raises Malformed on a broken tree."""
    if not tree:
        return []
    if current not in tree:
        leaves = [id for id, message in tree.items() if isinstance(message, Mapping) and not message.get("childrenIds")]
        current = max(leaves, key=lambda id: float(tree[id].get("timestamp") or 0), default=None)
    branch: list[tuple[str, Mapping[str, Any]]] = []
    seen: set[object] = set()
    while current is not None:
        if current in seen or current not in tree:
            raise Malformed(f"the message tree is broken at {current!r}")
        seen.add(current)
        message = mapping(tree[str(current)], f"message {current!r}")
        branch.append((str(current), message))
        current = message.get("parentId")
    return branch[::-1]
