"""What is heard in a customer's message beyond its words: its intent and its mood, by the models that serve.

Models that were learnt or imported while the process runs are picked up within seconds. Knows the store and the
embedder; nothing of replies.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from assistant.conversation import Intent
from assistant.errors import Unavailable
from assistant.file_hashes import sha256
from assistant.intents import IntentModel, load_intents
from assistant.learned_models import fingerprint, serving_model
from assistant.mood import SHIPPED, Mood, MoodModel, load_mood, made_for
from assistant.settings import Settings
from assistant.store import Store
from assistant.store_intents import newest_model
from assistant.store_templates import Template, templates
from assistant.tables import now
from assistant.templates import Fitting, TemplateShelf, shelf
from retrieval.by_script import Reads

log = logging.getLogger(__name__)
Model = TypeVar("Model")

LOOK_SECONDS = 10.0  # between looks for newer models
SHIPPED_SHA256 = "5a4630a3c418e749802049b6ee2a700c53862bc648fa67e3e6cf36ba4c29ff02"


@dataclass(frozen=True, slots=True)
class Heard:
    """Intent (None: out of scope, or none were learnt), mood, and the approved wording that fits; all may be None."""

    intent: Intent | None = None
    mood: Mood | None = None
    fitting: Fitting | None = None


@dataclass(frozen=True, slots=True)
class Ears:
    """What serves now, and by which ids it is known to be the newest."""

    newest: tuple[str, ...]
    intents: IntentModel | None
    moods: MoodModel | None
    shelf: TemplateShelf


@dataclass(slots=True)
class Listener:
    """Hears intent and mood and finds fitting templates; safe to use from several threads."""

    settings: Settings
    store: Store
    embedder: Reads
    _ears: Ears | None = None
    _looked: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, question: str, language: str) -> Heard:
        """Intent and fitting template of a question that stands alone."""
        ears = self._current()
        if ears.intents is None and not ears.shelf.templates:
            return Heard()
        asked = self.embedder.encode_queries([question])[0]
        intent = ears.intents.classify(asked[None], [question])[0] if ears.intents else None
        fitting = ears.shelf.fitting(
            asked,
            language,
            intent,
            moment=now(),
            values={"company": self.settings.company, **self.settings.template_values},
            least=self.settings.template_similarity,
        )
        return Heard(intent, fitting=fitting)

    def mood(self, text: str) -> Mood | None:
        """The mood of a message as the customer wrote it."""
        moods = self._current().moods
        return moods.mood(self.embedder.encode_queries([text])[0], text) if moods else None

    def _current(self) -> Ears:
        with self._lock:
            if self._ears is None or time.monotonic() - self._looked >= LOOK_SECONDS:
                approved = templates(self.store, "approved")
                models = [newest_model(self.store, kind) for kind in ("intents", "mood")]
                newest = tuple([model.id if model else "" for model in models] + [t.id for t in approved])
                if self._ears is None or newest != self._ears.newest:
                    self._ears = self._open(newest, approved)
                self._looked = time.monotonic()
            return self._ears

    def _open(self, newest: tuple[str, ...], approved: Sequence[Template]) -> Ears:
        questions = [question for template in approved for question in template.questions]
        vectors = dict(zip(questions, self.embedder.encode_queries(questions), strict=True)) if questions else {}
        return Ears(
            newest,
            self._without_if_broken(open_intents),
            self._without_if_broken(open_mood),
            shelf(approved, vectors, self.embedder.dimension),
        )

    def _without_if_broken(self, opened: Callable[[Settings, Store, Reads], Model | None]) -> Model | None:
        """Customers are answered without intent or mood rather than not at all; operators read why."""
        try:
            return opened(self.settings, self.store, self.embedder)
        except Unavailable as error:
            log.error("going on without a learned model: %s", error)
            return None


def open_intents(settings: Settings, store: Store, embedder: Reads) -> IntentModel | None:
    """The serving classifier; None when none was learnt with this embedder. Raises Unavailable for a changed file."""
    found = serving_model(settings, store, "intents", fingerprint(embedder))
    return load_intents(found[1]) if found else None


def open_mood(settings: Settings, store: Store, embedder: Reads) -> MoodModel | None:
    """A team's own mood heads, else the shipped ones as far as they fit the embedder."""
    mark = fingerprint(embedder)
    if found := serving_model(settings, store, "mood", mark):
        return load_mood(found[1])
    made = made_for(SHIPPED)
    if sha256(SHIPPED) != SHIPPED_SHA256 or made.split("+")[0] != mark.split("+")[0]:
        return None
    shipped = load_mood(SHIPPED)
    return shipped if made == mark else shipped.only("en")
