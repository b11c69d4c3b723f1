"""The nouns of the adapter register: which adapters exist, which one serves, which one is on trial, what changed when.

Pure data; knows nothing of SQL, folders or engines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from assistant.errors import Conflict, NotFound

BASE = "base"  # what people call the untuned model; the pointer holds None for it

ChangeAction = Literal["promoted", "rolled_back"]
TrialMode = Literal["shadow", "canary"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered adapter. The manifest's hash stands here, outside the folder, so a changed folder is noticed."""

    id: str
    manifest_sha256: str
    registered_at: str  # ISO 8601, UTC
    validation_loss: float | None = None
    blocked: str | None = None  # why it must not be promoted


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate beside the serving adapter: `share` 0..1 of turns (shadow) or of conversations (canary)."""

    adapter_id: str
    mode: TrialMode
    share: float
    since: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One move of the serving pointer; `adapter` and `previous` are None for the base model."""

    version: int
    adapter: str | None
    previous: str | None
    at: datetime
    action: ChangeAction
    reason: str


@dataclass(frozen=True, slots=True)
class Register:
    """All adapters by id; `serving` is the pointer, `earlier` the adapters (None: the base) that served before it.

    `version` counts every change of the pointer or of the trial.
    """

    adapters: Mapping[str, Entry] = field(default_factory=dict)
    serving: str | None = None
    earlier: tuple[str | None, ...] = ()
    version: int = 0
    trial: Trial | None = None

    def entry(self, adapter_id: str) -> Entry:
        """The adapter of that id; raises NotFound naming it."""
        if adapter_id not in self.adapters:
            raise NotFound(f"no adapter {adapter_id!r}; `assistant adapters list` shows the ids")
        return self.adapters[adapter_id]

    def allowed(self, adapter_id: str) -> Entry:
        """As `entry`; raises Conflict with the reason for an adapter that is blocked."""
        entry = self.entry(adapter_id)
        if entry.blocked:
            raise Conflict(f"adapter {adapter_id!r} is blocked: {entry.blocked}; train a new one (assistant retrain)")
        return entry

    def rolled_back(self, to: str | None) -> tuple[str | None, ...]:
        """`earlier` after a rollback to `to` (None: the base), which ends before it.

        Raises Conflict when `to` never served before.
        """
        for at in reversed(range(len(self.earlier))):
            if self.earlier[at] == to:
                return self.earlier[:at]
        served = ", ".join(dict.fromkeys(id or BASE for id in reversed(self.earlier))) or "none"
        raise Conflict(f"{to or BASE!r} did not serve before what serves now (those that did: {served}); promote it")
