"""The words people see in the widget, one record per language: those it shares with the web chat, and its own.

Knows nothing of pages. `{…}` are filled where shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ui.words import WORDS

SHARED = (
    "greeting invitation placeholder message send stop new_conversation talk_to_person person you assistant colleague "
    "typing fine_print sources page row open_page source_gone close helpful not_helpful thanks_for_rating comment_good "
    "comment_bad send_comment comment_sent person_title person_text person_wait_hours person_wait_hour person_wait_day "
    "person_wait_days person_keep_writing person_ask person_not_now waiting closed stopped try_again "
    "problem_connection problem_rate problem_busy problem_unavailable problem_closed problem_too_long "
    "contact_address contact_text contact_send contact_sent satisfaction_ask satisfaction_score"
).split()


@dataclass(frozen=True, slots=True)
class WidgetWords:
    """One language's words that only the widget needs."""

    title: str
    conversation: str
    open_chat: str
    close_chat: str
    end_chat: str
    unread: str
    with_name: str
    person_types: str
    try_now: str
    problem_forbidden: str


ENGLISH = WidgetWords(
    title="Chat with {company}",
    conversation="Conversation",
    open_chat="Open the chat",
    close_chat="Close the chat",
    end_chat="End this conversation",
    unread="unread messages: {number}",
    with_name="You are talking to {name}.",
    person_types="{name} is writing",
    try_now="Try now",
    problem_forbidden="This page may not use the chat.",
)

CHINESE = WidgetWords(
    title="与 {company} 对话",
    conversation="对话内容",
    open_chat="打开对话",
    close_chat="收起对话",
    end_chat="结束对话",
    unread="未读消息 {number} 条",
    with_name="您正在与 {name} 对话。",
    person_types="{name} 正在输入",
    try_now="立即重试",
    problem_forbidden="此页面无法使用对话功能。",
)

WIDGET_WORDS = {"en": ENGLISH, "zh": CHINESE}


def widget_words() -> dict[str, dict[str, str]]:
    """Every word of the widget, by language and name."""
    return {
        code: {name: getattr(WORDS[code], name) for name in SHARED} | asdict(own) for code, own in WIDGET_WORDS.items()
    }
