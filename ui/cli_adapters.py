"""The commands about what was learnt: `adapters`, `explain` and `forget`.

Knows how results look in the terminal and as JSON; the work is done in `training`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer
from rich.table import Table

from assistant.adapter_register import BASE, Register, TrialMode
from assistant.errors import NotFound
from assistant.settings import Settings
from ui.batch import print_json
from ui.cli_answers import AsJson, out

if TYPE_CHECKING:
    from training.explain import Explanation

adapters = typer.Typer(
    help="Trained adapters: list, show, promote, roll back, try, block, remove.", no_args_is_help=True
)

AdapterArgument = Annotated[str, typer.Argument(metavar="ID", help="An adapter's id.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the history.")]


def named(adapter_id: str | None) -> str:
    """An adapter as people read it."""
    return f"adapter {adapter_id}" if adapter_id else "the base model"


def soon(settings: Settings) -> str:
    """When a change takes effect."""
    return f"running servers use it within {settings.adapter_poll_seconds + 3:g} s, without a restart"


def state_of(register: Register, adapter_id: str) -> str:
    """What an adapter does now, in words."""
    trial = register.trial
    if adapter_id == register.serving:
        return "serves"
    if trial and trial.adapter_id == adapter_id:
        return f"{trial.mode} on {trial.share:.0%}"
    blocked = register.adapters[adapter_id].blocked
    return f"blocked: {blocked}" if blocked else ""


@adapters.command("list")
def list_adapters(context: typer.Context, as_json: AsJson = False) -> None:
    """Every adapter, which one serves, which one is on trial, which ones are blocked."""
    from training.registry import Registry

    register = Registry(context.obj).list()
    if as_json:
        trial = asdict(register.trial) | {"since": register.trial.since.isoformat()} if register.trial else None
        rows = [asdict(entry) for entry in register.adapters.values()]
        print_json({"serving": register.serving, "trial": trial, "adapters": rows})
        return
    table = Table("adapter", "made", "validation loss", "state")
    for entry in register.adapters.values():
        loss = "" if entry.validation_loss is None else f"{entry.validation_loss:.3f}"
        table.add_row(entry.id, entry.registered_at, loss, state_of(register, entry.id))
    out.print(table)
    out.print(f"Replies come from {named(register.serving)}")


@adapters.command("history")
def history(context: typer.Context, as_json: AsJson = False) -> None:
    """What served when, and why it changed; latest first."""
    from training.registry import Registry

    moves = Registry(context.obj).history()
    if as_json:
        print_json({"changes": [asdict(move) | {"at": move.at.isoformat()} for move in moves]})
        return
    table = Table("when", "what", "from", "to", "why")
    for move in moves:
        action = move.action.replace("_", " ")
        moment = move.at.isoformat(timespec="seconds")
        table.add_row(moment, action, move.previous or BASE, move.adapter or BASE, move.reason)
    out.print(table)


@adapters.command("show")
def show_adapter(context: typer.Context, id: AdapterArgument) -> None:
    """What an adapter says about itself, as JSON."""
    from training.registry import Registry

    manifest = Registry(context.obj).manifest(id)
    print_json({**asdict(manifest), "files": dict(manifest.files)})


@adapters.command("promote")
def promote(context: typer.Context, id: AdapterArgument, reason: Reason = "by hand", as_json: AsJson = False) -> None:
    """Serve with this adapter; one atomic change that every running server picks up."""
    from training.registry import Registry

    register = Registry(context.obj).promote(id, reason)
    if as_json:
        print_json({"serving": register.serving, "version": register.version})
    else:
        out.print(f"Adapter {id} serves: {soon(context.obj)}. Back: assistant adapters rollback")


@adapters.command("rollback")
def rollback(
    context: typer.Context,
    to: Annotated[str | None, typer.Option("--to", help="An adapter that served earlier, or base.")] = None,
    reason: Reason = "by hand",
    as_json: AsJson = False,
) -> None:
    """Serve again with what served before, or with any earlier one."""
    from training.registry import Registry

    target = Registry(context.obj).rollback(to, reason)
    if as_json:
        print_json({"serving": target})
    else:
        out.print(f"Rolled back to {named(target)}: {soon(context.obj)}")


@adapters.command("try")
def try_adapter(
    context: typer.Context,
    id: Annotated[str | None, typer.Argument(help="The candidate's id.")] = None,
    mode: Annotated[str, typer.Option("--mode", help="shadow: drafts unseen; canary: answers customers.")] = "shadow",
    share: Annotated[float, typer.Option("--share", help="Of live turns (shadow) or conversations (canary).")] = 0.1,
    stop: Annotated[bool, typer.Option("--stop", help="End the trial.")] = False,
) -> None:
    """Run a candidate beside the serving adapter on a share of live traffic."""
    from training.registry import Registry

    registry = Registry(context.obj)
    if stop:
        out.print(f"The trial of {named(ended)} ended" if (ended := registry.end_trial()) else "There was no trial")
        return
    if id is None or mode not in get_args(TrialMode):
        raise typer.BadParameter(f"give an adapter's id and --mode {' or '.join(get_args(TrialMode))}, or --stop")
    registry.begin_trial(id, cast(TrialMode, mode), share)
    what = "drafts unseen beside" if mode == "shadow" else "answers instead of"
    of = "live turns" if mode == "shadow" else "conversations"
    out.print(f"Adapter {id} {what} the serving one on {share:.0%} of {of}: {soon(context.obj)}")
    out.print("Next: assistant adapters trial to compare, then promote it, or assistant adapters try --stop")


@adapters.command("trial")
def show_trial(context: typer.Context, as_json: AsJson = False) -> None:
    """How the candidate on trial does beside what serves."""
    from assistant.adapters import opened
    from assistant.store_adapters import read_register
    from assistant.store_shadow import compare_shadow
    from training.live_watch import canary_signals

    with opened(context.obj) as store:
        trial = read_register(store).trial
        if trial is None:
            raise NotFound("there is no trial; begin one with assistant adapters try ID")
        drafts = compare_shadow(store, trial.adapter_id, trial.since)
        signals = canary_signals(context.obj, store, trial)
    if as_json:
        told = asdict(trial) | {"since": trial.since.isoformat()}
        rows = [asdict(signal) | {"worse": signal.worse} for signal in signals]
        print_json({"trial": told, "drafts": asdict(drafts) if drafts else None, "signals": rows})
        return
    out.print(f"Adapter {trial.adapter_id}: {trial.mode} on {trial.share:.0%} since {trial.since:%Y-%m-%d %H:%M} UTC")
    for signal in signals:
        out.print(f"  {signal}{' - significantly worse' if signal.worse else ''}", markup=False)
    if drafts:
        table = Table("", "candidate", "sent")
        table.add_row("written by the model", f"{drafts.written_by_model:.0%}", f"{drafts.sent_written_by_model:.0%}")
        table.add_row("unsupported sentence", f"{drafts.unsupported:.0%}", f"{drafts.sent_unsupported:.0%}")
        table.add_row("characters", f"{drafts.length:.0f}", f"{drafts.sent_length:.0f}")
        out.print(table)
        out.print(f"{drafts.turns} drafts; mean similarity to what was sent {drafts.similarity:.2f}")
    if not drafts and not signals:
        out.print("There is too little to compare yet")


@adapters.command("block")
def block(
    context: typer.Context,
    id: AdapterArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; shown to whoever tries to promote it.")],
) -> None:
    """Keep an adapter from being promoted, tried or rolled back to."""
    from training.registry import Registry

    registry = Registry(context.obj)
    serves = registry.list().entry(id).id == registry.list().serving
    registry.block([id], reason)
    out.print(f"Adapter {id} is blocked" + ("; it still serves: assistant adapters rollback" if serves else ""))


@adapters.command("unblock")
def unblock(context: typer.Context, id: AdapterArgument) -> None:
    """Lift a block."""
    from training.registry import Registry

    Registry(context.obj).unblock(id)
    out.print(f"Adapter {id} may be promoted again")


@adapters.command("remove")
def remove_adapter(context: typer.Context, id: AdapterArgument) -> None:
    """Delete an adapter that does not serve."""
    from training.registry import Registry

    Registry(context.obj).remove(id)
    out.print(f"Adapter {id} removed")


def forget(
    context: typer.Context, customer_id: Annotated[str, typer.Argument(help="As in conversations and logs.")]
) -> None:
    """Erase a customer everywhere in the home; prints the receipt as JSON, which holds nothing personal."""
    from training.forget import forget as forget_customer

    print_json(forget_customer(context.obj, customer_id))


def explain(
    context: typer.Context,
    message_id: Annotated[str, typer.Argument(help="Of a stored reply; `ask --json` and the API name it.")],
    as_json: AsJson = False,
) -> None:
    """Where a stored reply comes from: decision, passages, versions, and the nearest training examples."""
    from assistant.adapters import opened
    from assistant.wiring import build_embedder
    from retrieval.version import open_version
    from training.explain import explain as explained
    from training.explain import looked_up_in

    settings: Settings = context.obj
    with opened(settings) as store:
        passage_of = looked_up_in(open_version(settings.index_folder))
        found = explained(store, settings, passage_of, build_embedder(settings), message_id)
    if as_json:
        print_json(found.to_dict())
    else:
        show_explanation(found)


def show_explanation(found: Explanation) -> None:
    """An explanation as a story, from the question to what was learnt."""

    def line(text: str, style: str = "") -> None:
        out.print(text, style=style, markup=False, highlight=False)

    line(f"Asked: {found.asked}")
    if found.question and found.question != found.asked:
        line(f"Understood as: {found.question}")
    line(f"Reply: {found.reply}")
    decision, versions = found.decision, found.versions
    line(f"Decision: {decision['action']} ({decision['reason']}), evidence {decision['evidence']:.2f}")
    line(f"Written by: {found.written_by}; asked: {found.consulted or 'no model'}")
    if found.template:
        line(f"Template: {found.template}")
    line(f"Versions: {', '.join(f'{name} {value}' for name, value in versions.items() if value)}")
    for seen in found.passages:
        line(f"  [{seen.score:.3f}] {seen.title or ''} ({seen.passage_id})", "bold" if seen.quotes else "")
        line(f"      {seen.text[:200] if seen.text else 'no longer in the knowledge base'}", "dim")
    if found.unsupported_share is not None:
        line(f"Sentences without support in these passages: {found.unsupported_share:.0%}")
    if found.unsupported_sentence:
        line(f"The model also wrote, and was not let through: {found.unsupported_sentence}")
    line("Nearest training examples" + (f": none, {found.nearest_missing}" if found.nearest_missing else ":"))
    for near in found.nearest:
        line(f"  [{near.similarity:.3f}] {near.question[:100]} -> {near.reply[:100]}  ({near.conversation_id})")
