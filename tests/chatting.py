"""What the tests of the web chat share: services around a queued model and a small knowledge base, on a real store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from assistant.settings import Settings, load_settings
from assistant.store import Store
from assistant.turn import Assistant
from retrieval.documents import Passage
from retrieval.search import Retriever
from tests.fakes import FakeEngine, FakeRetriever
from tests.web import serving
from ui.api import Services
from ui.chat_calls import ChatCalls
from ui.live import Live
from ui.measure import Metrics
from ui.served import as_served
from ui.server import create_app
from ui.suggestions import Examples

RETURNS = Passage(
    "returns.md#0",
    "returns.md",
    "Returns",
    "shop",
    "You can **return** lamps within 30 days. Plants stay with you.",
    path="returns.md",
    heading_path=("Returns", "How long you have"),
)
SHIPPING = Passage(
    "faq-ship#0",
    "faq-ship",
    "How much is delivery?",
    "shop",
    "Delivery costs 4 euro.",
    path="faq.csv",
    row=2,
    url="javascript:alert(1)",
    question="How much is delivery?",
    tags=("shipping",),
)
HOME = "192.0.2.7"


@dataclass
class _Index:
    passages: Sequence[Passage]
    version: str = "v1"


class SmallKnowledge(FakeRetriever):
    """Two passages, with the index and the look-up that the page uses."""

    def __init__(self, evidence: float = 0.9) -> None:
        super().__init__([RETURNS, SHIPPING], evidence)
        self.index = _Index(self.passages)

    def passage(self, passage_id: str) -> Passage | None:
        return next((p for p in self.passages if p.id == passage_id), None)


def chat_services(store: Store, settings: Settings, engine: FakeEngine, evidence: float = 0.9) -> Services:
    retriever = cast(Retriever, SmallKnowledge(evidence))
    return Services.of(as_served(Assistant(store, retriever, engine, settings), Metrics(), Live()))


def chat_calls(store: Store, settings: Settings, engine: FakeEngine, evidence: float = 0.9) -> ChatCalls:
    services = chat_services(store, settings, engine, evidence)
    return ChatCalls(services, Examples(services.assistant.retriever))


async def known_conversation(calls: ChatCalls) -> dict[str, Any]:
    return await calls.begin({"language": "en"}, HOME)


@contextmanager
def chat_site(home: Path, engine: FakeEngine, evidence: float = 0.9, **settings: Any) -> Iterator[tuple[str, Store]]:
    """The whole application with the small knowledge base, served; gives its address and its store."""
    told = load_settings(home, **settings)
    store = Store(told.sqlalchemy_url)
    assistant = Assistant(store, cast(Retriever, SmallKnowledge(evidence)), engine, told)
    try:
        with serving(lambda: create_app(assistant)) as (url, _):
            yield url, store
    finally:
        store.close()
