"""One renderer for serving and training: conversation and passages become the model's messages.

Knows nothing of how hits are found, how tokens are counted or which engine reads the messages.
A change of the wording must raise PROMPT_VERSION: adapters are bound to the version they learnt.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.engines import ChatMessage
from retrieval.documents import Hit, Passage

PROMPT_VERSION = "1"

SYSTEM = (
    "You are a customer service agent of {company}. Answer the customer in one to three short sentences. "
    "Use only facts from the information given with the question."
)
SYSTEM_PLAIN = "You are a customer service agent of {company}. Reply to the customer briefly and kindly."
LANGUAGE = {"zh": " Reply in Chinese."}


def passage_text(passage: Passage) -> str:
    """A passage as the model reads it: its question or heading path, then its words."""
    heading = passage.question or " > ".join(passage.heading_path) or passage.title
    lead = f"{passage.entity}: {heading}" if passage.entity and passage.entity not in heading else heading
    return f"{lead}\n{passage.text}" if lead else passage.text


def render(history: Sequence[ChatMessage], hits: Sequence[Hit], company: str, language: str) -> list[ChatMessage]:
    """Messages for the model; `history` ends with the customer's question.

    The system message stays the same from turn to turn and the passages stand in the last message,
    so that an engine's prompt cache keeps the longest prefix.
    """
    system = (SYSTEM if hits else SYSTEM_PLAIN).format(company=company) + LANGUAGE.get(language, "")
    *earlier, question = history
    last = question.content
    if hits:
        information = "\n\n".join(passage_text(hit.passage) for hit in hits)
        last = f"Information:\n{information}\n\nQuestion: {question.content}"
    return [ChatMessage("system", system), *earlier, ChatMessage("user", last)]
