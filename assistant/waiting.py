"""What a customer who waits for a person is told: whether somebody is there, since when, and how many are before them.

Only what the store and the office hours say; nothing is promised that nobody checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from assistant.office_hours import office_hours
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_tickets import anyone_employed, queue_position
from assistant.tables import now


@dataclass(frozen=True, slots=True)
class Waiting:
    """`position` counts from 1 and is None for a conversation that does not wait; `contact`: offer the form."""

    position: int | None
    staffed: bool
    opens_at: datetime | None  # when nobody is there and the hours say when somebody will be
    contact: bool
    text: str


@dataclass(frozen=True, slots=True)
class _Sentences:
    next: str
    queue: str
    hours: str
    closed: str
    nobody: str
    days: tuple[str, ...]
    at: str


_ENGLISH = _Sentences(
    next="You are next in line.",
    queue="Conversations before yours: {before}.",
    hours="We usually answer within {hours} h.",
    closed="Nobody is here right now; we are back {when}. You can leave your contact details and we will answer.",
    nobody="Nobody is here right now. You can leave your contact details and we will answer.",
    days=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    at="on {day} at {clock} ({zone})",
)
_CHINESE = _Sentences(
    next="下一位就是您。",
    queue="您前面还有 {before} 个对话。",
    hours="我们通常在 {hours} 小时之内回复。",
    closed="现在没有同事在线，{when}恢复服务。您可以留下联系方式，我们会回复您。",
    nobody="现在没有同事在线。您可以留下联系方式，我们会回复您。",
    days=("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    at="{day} {clock}（{zone}）",
)


def waiting(
    store: Store, conversation_id: str, language: str | None, settings: Settings, moment: datetime | None = None
) -> Waiting:
    """What to tell now (or at `moment`), in the customer's language."""
    words = _CHINESE if language == "zh" else _ENGLISH
    moment = moment or now()
    hours = office_hours(settings.office_hours, settings.office_timezone)
    position = queue_position(store, conversation_id)
    if not hours.open_at(moment):
        opens = hours.opens_after(moment)
        return Waiting(position, False, opens, True, words.closed.format(when=_when(opens, words)))
    if not anyone_employed(store):
        return Waiting(position, False, None, True, words.nobody)
    return Waiting(position, True, None, False, _queue(position, settings.person_reply_hours, words))


def _queue(position: int | None, hours: int, words: _Sentences) -> str:
    wait = words.hours.format(hours=hours)
    if position is None:
        return wait
    before = words.next if position == 1 else words.queue.format(before=position - 1)
    return f"{before} {wait}"


def _when(opens: datetime, words: _Sentences) -> str:
    return words.at.format(day=words.days[opens.weekday()], clock=f"{opens:%H:%M}", zone=opens.tzname() or "")
