"""Where a cycle's training starts: from the untuned base, from the adapter that serves, or from each of them.

Going on from what serves is cheap and remembers more than one cycle can replay; it is allowed only while everything
that adapter learnt is still approved, and while its matrices have the recipe's shape. Knows registers, data sets and
recipes; nothing of training itself or of the gate.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

from assistant.adapters import adapter_folder, verified
from assistant.errors import InvalidInput
from assistant.settings import Settings
from training.dataset_version import examples_of, versions
from training.lineage import read_lineage
from training.recipe import Recipe, recipe_from
from training.registry import Registry

SHAPE = ("rank", "alpha", "targets", "top_layers", "dora", "rslora")
GOING_ON_RATE = 0.5  # of the recipe's learning rate: a trained adapter forgets at the full one


@dataclass(frozen=True, slots=True)
class Start:
    """The adapters to go on from, None for the base: one training each. `words` say why."""

    adapters: tuple[str | None, ...]
    words: str


def choose_start(settings: Settings, recipe: Recipe, approved: Collection[str], refused_going_on: bool) -> Start:
    """Decide for one cycle. `approved`: ids of the replies that may be learnt from now.

    `refused_going_on`: the last candidate went on from what served, and the gate refused it.
    """
    register = Registry(settings).list()
    serving = register.entry(register.serving) if register.serving else None
    if settings.cycle_start == "base" or serving is None:
        words = "nothing else serves" if serving is None else "setting cycle_start"
        return Start((None,), f"from the untuned base: {words}")
    reason = serving.blocked and f"adapter {serving.id} is blocked: {serving.blocked}"
    try:
        verified(settings, serving)
        reason = reason or _unfit(settings, serving.id, recipe, approved)
    except InvalidInput as error:
        reason = str(error)
    if reason:
        return Start((None,), f"from the untuned base: {reason}")
    if settings.cycle_start == "both":
        return Start((None, serving.id), f"from the untuned base and from {serving.id}: the better one is examined")
    if refused_going_on:
        return Start((None,), f"from the untuned base: a candidate that went on from {serving.id} was refused")
    if settings.cycle_base_every and len(_ancestry(settings, serving.id)) >= settings.cycle_base_every:
        every = settings.cycle_base_every
        return Start((None,), f"from the untuned base: every {every} generations (setting cycle_base_every)")
    return Start((serving.id,), f"from the serving adapter {serving.id}, with a replay of earlier replies")


def going_on(recipe: Recipe) -> Recipe:
    """The recipe for training on from an adapter."""
    return replace(recipe, learning_rate=recipe.learning_rate * GOING_ON_RATE)


def _unfit(settings: Settings, adapter_id: str, recipe: Recipe, approved: Collection[str]) -> str | None:
    """Why nothing may go on from an adapter, None if it may."""
    values = json.loads((adapter_folder(settings, adapter_id) / "recipe.json").read_text("utf-8"))
    theirs = recipe_from(values)
    for name in SHAPE:
        now, then = recipe.to_dict()[name], theirs.to_dict()[name]
        if now != then:
            return f"the recipe has {name} = {now!r}, adapter {adapter_id} was made with {then!r}"
    for ancestor in _ancestry(settings, adapter_id):
        learnt = _learnt(settings, ancestor)
        if learnt is None:
            return f"the data set of adapter {ancestor} is gone, so nobody can tell whether all of it is approved"
        if missing := learnt - set(approved):
            return f"adapter {ancestor} learnt {len(missing)} replies that are not approved any more"
    return None


def _ancestry(settings: Settings, adapter_id: str) -> list[str]:
    """The adapter, the one it went on from, and so on to the first that began with the base."""
    found, waiting = [], [adapter_id]
    while waiting:
        id = waiting.pop()
        if id in found:
            continue
        found.append(id)
        lineage = read_lineage(adapter_folder(settings, id))
        waiting += lineage.parents if lineage else ()
    return found


def _learnt(settings: Settings, adapter_id: str) -> set[str] | None:
    """Ids of the stored replies that an adapter was trained on; None when its data set is not there."""
    entries = Registry(settings).list().adapters
    if adapter_id not in entries:
        return None
    data = Registry(settings).manifest(adapter_id).dataset_hash
    version = next((v for v in versions(settings.datasets_folder) if data.startswith(v.id)), None)
    if version is None:
        return None
    examples = examples_of(settings.datasets_folder / version.id)
    return {e.message_ids[-1] if e.message_ids else e.id for e in examples}
