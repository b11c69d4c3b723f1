"""The commands of the learning cycle: `retrain`, `runs` and `approvals`.

Knows how they look in the terminal and as JSON; the work is done in `training` and `assistant`.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from assistant.settings import Settings
from ui.batch import print_json
from ui.cli_answers import AsJson, out, say
from ui.progress import steps_bar

if TYPE_CHECKING:
    from assistant.store_approvals import Approval
    from assistant.store_runs import Run

runs = typer.Typer(help="Learning cycles: what each did and decided.", no_args_is_help=True)
approvals = typer.Typer(help="Which replies may be learnt from.", no_args_is_help=True)

By = Annotated[str, typer.Option("--by", help="Who decides.")]


def retrain(
    context: typer.Context,
    recipe: Annotated[Path | None, typer.Option("--recipe", help="A TOML file of training knobs.")] = None,
    as_json: AsJson = False,
) -> None:
    """Curate, train, evaluate, and promote the result if it is better; repeat it after an interruption to go on."""
    from training.cycle import retrain as cycle
    from training.recipe import load_recipe

    settings: Settings = context.obj
    with steps_bar(say) as progress:
        done = cycle(settings, recipe=load_recipe(recipe) if recipe else None, report=progress)
    if as_json:
        print_json(dict(done.result))
        return
    tell(done)
    folder = settings.home / "runs" / done.id
    if (folder / "note.html").exists():
        say.print(f"Next: read {folder / 'note.html'}; `assistant adapters rollback` undoes a promotion")


def worker(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Look once, run what is due, and end.")] = False,
) -> None:
    """Run learning cycles by schedule and when something happened; any number of workers may run beside each other."""
    import logging
    import signal
    import threading
    from datetime import UTC, datetime

    from assistant.store import Store
    from training.worker import plan, run_one, work

    settings: Settings = context.obj
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if once:
        store = Store(settings.sqlalchemy_url)
        plan(settings, store, datetime.now(UTC))
        while run_one(settings, store):
            pass
        store.close()
        return
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    say.print(f"Waiting for work; schedule {settings.retrain_schedule!r} UTC, triggers {settings.retrain_triggers}")
    work(settings, stop)


def tell(run: Run) -> None:
    """A run's decision with its reasons and the time of its steps."""
    out.print(f"Run {run.id}: {run.decision or run.state}")
    for reason in run.result.get("reasons", ()):
        out.print(f"  {reason}", markup=False, highlight=False)
    if "error" in run.result:
        out.print(f"  {run.result['error']}", style="red", markup=False, highlight=False)
    table = Table("step", "state", "seconds")
    for step in run.steps:
        table.add_row(step.name, step.state, f"{step.seconds:.1f}")
    out.print(table)


@runs.command("list")
def list_runs(context: typer.Context, as_json: AsJson = False) -> None:
    """The latest runs with their decisions."""
    from assistant.store import Store
    from assistant.store_runs import runs as latest

    store = Store(context.obj.sqlalchemy_url)
    found = latest(store)
    store.close()
    if as_json:
        print_json({"runs": [_run_values(run) for run in found]})
        return
    table = Table(Column("run", no_wrap=True), "started", "because", Column("outcome", no_wrap=True))
    for run in found:
        table.add_row(run.id, f"{run.started_at:%Y-%m-%d %H:%M}", run.trigger, run.decision or run.state)
    out.print(table)


@runs.command("show")
def show_run(context: typer.Context, id: str, as_json: AsJson = False) -> None:
    """One run with its steps, their logs and what they found."""
    from assistant.store import Store
    from assistant.store_runs import run as one

    store = Store(context.obj.sqlalchemy_url)
    found = one(store, id)
    store.close()
    if as_json:
        print_json(_run_values(found))
        return
    tell(found)
    for step in found.steps:
        out.print(f"{step.name}\n  " + step.log.replace("\n", "\n  "), markup=False, highlight=False)


def _run_values(run: Run) -> dict[str, Any]:
    """A JSON-ready mapping."""
    values = asdict(run)
    for moment in ("started_at", "finished_at"):
        values[moment] = values[moment] and values[moment].isoformat()
    for step in values["steps"]:
        for moment in ("started_at", "finished_at"):
            step[moment] = step[moment] and step[moment].isoformat()
    return values


@approvals.command("list")
def list_approvals(
    context: typer.Context,
    revoked: Annotated[bool, typer.Option("--revoked", help="Only those that were revoked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every approval: what may be learnt from, who said so, and whether it still stands."""
    from assistant.store import Store
    from assistant.store_approvals import approvals as page_of

    store = Store(context.obj.sqlalchemy_url)
    found: list[Approval] = []
    while page := page_of(store, after=found[-1] if found else None):
        found += page
    store.close()
    shown = [approval for approval in found if not revoked or approval.revoked_at is not None]
    if as_json:
        print_json({"approvals": [_approval_values(approval) for approval in shown]})
        return
    table = Table(Column("message", no_wrap=True), "by", "stands", "text")
    for approval in shown:
        table.add_row(approval.message_id, approval.by, "yes" if approval.valid else "no", approval.text[:60])
    out.print(table)


@approvals.command("approve")
def approve(
    context: typer.Context,
    message_id: str,
    by: By = "operator",
    corrected: Annotated[str | None, typer.Option("--corrected", help="A better text to learn instead.")] = None,
) -> None:
    """Approve one reply as it reads now."""
    from assistant.store import Store
    from assistant.store_approvals import approve_reply

    store = Store(context.obj.sqlalchemy_url)
    approve_reply(store, message_id, by, corrected)
    store.close()
    out.print(f"Reply {message_id} may be learnt from")


@approvals.command("revoke")
def revoke(context: typer.Context, message_id: str, by: By = "operator") -> None:
    """Take an approval back; no rule approves that reply again."""
    from assistant.store import Store
    from assistant.store_approvals import revoke_approval

    store = Store(context.obj.sqlalchemy_url)
    revoke_approval(store, message_id, by)
    store.close()
    out.print(f"Reply {message_id} is not learnt from any more")


@approvals.command("restore")
def restore(context: typer.Context, run_id: str, by: By = "operator") -> None:
    """Take back a false alarm: all approvals that a run revoked stand again, and are not suspected any more."""
    from assistant.store import Store
    from assistant.store_approvals import restore_all

    store = Store(context.obj.sqlalchemy_url)
    restored = restore_all(store, f"run {run_id}", by)
    store.close()
    out.print(f"{restored} replies may be learnt from again; next: assistant retrain")


def _approval_values(approval: Approval) -> dict[str, Any]:
    values = asdict(approval)
    for moment in ("created_at", "revoked_at"):
        values[moment] = values[moment] and values[moment].isoformat()
    return values
