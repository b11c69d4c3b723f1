"""What an examination found of one model, and the file that keeps it.

Pure data: who only reads it, such as a note or a page of the desk, needs no model. Knows nothing of how it was found.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from assistant.whole_files import write_whole

Kind = Literal["reply", "turn", "unanswerable", "safety", "turn safety", "stale", "turn stale"]  # turn: the whole one


@dataclass(frozen=True, slots=True)
class CaseLoss:
    """Cross-entropy in nats over all `tokens` of one reference, end of turn included."""

    nats: float
    tokens: int

    @property
    def a_token(self) -> float:
        """Nats a token."""
        return self.nats / self.tokens


def perplexity_of(losses: Mapping[str, CaseLoss]) -> float:
    """Perplexity over all tokens of the losses."""
    return math.exp(sum(loss.nats for loss in losses.values()) / sum(loss.tokens for loss in losses.values()))


@dataclass(frozen=True, slots=True)
class Replied:
    """One generated reply and what was found about it. `leaked`: stretches of the training data it gives away."""

    id: str
    kind: Kind
    question: str
    reference: str
    reply: str
    rougeL: float
    similarity: float
    invents: bool | None
    unsafe: bool
    leaked: int
    words: int
    latency_ms: float
    outdated: str | None = None  # what it still says of a document that changed, in words


@dataclass(frozen=True, slots=True)
class Examination:
    """All that the gate knows of one model."""

    adapter: str
    losses: Mapping[str, CaseLoss]
    replies: tuple[Replied, ...]
    recalled: Mapping[str, bool] = field(default_factory=dict)  # by probe: was a rare string given back

    @property
    def perplexity(self) -> float:
        """Over all tokens of the references."""
        return perplexity_of(self.losses)

    def of_kind(self, kind: Kind) -> tuple[Replied, ...]:
        """The replies to one kind of question."""
        return tuple(reply for reply in self.replies if reply.kind == kind)

    def save(self, path: Path) -> None:
        """Write the file whole or not at all."""
        write_whole(path, json.dumps(asdict(self), ensure_ascii=False))


def read_examination(path: Path) -> Examination:
    """The inverse of `Examination.save`."""
    values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    losses = {id: CaseLoss(**loss) for id, loss in values["losses"].items()}
    return Examination(
        values["adapter"], losses, tuple(Replied(**reply) for reply in values["replies"]), values.get("recalled", {})
    )
