"""The commands that learn: `logs`, `train`, `evaluate` and `perplexity`.

Knows how runs look in the terminal and as JSON; the work is done in `training`.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer
from rich.table import Table

from assistant.settings import Settings
from ui.batch import print_json
from ui.cli_answers import AsJson, out, say
from ui.progress import Report, steps_bar

if TYPE_CHECKING:
    from training.evaluate import Scorecard
    from training.lora import TrainingProgress, Watcher

logs = typer.Typer(help="Import, export and judge support logs.", no_args_is_help=True)
STEPS_A_LINE = 20

Source = Annotated[str | None, typer.Option("--source", help="A name for where these conversations come from.")]
Cases = Annotated[Path, typer.Option("--cases", help="JSONL of cases: id, messages, reply, knowledge.")]
AdapterId = Annotated[
    str | None, typer.Option("--adapter", help="An adapter's id, or base; what serves now if left out.")
]


@logs.command("import")
def import_file(
    context: typer.Context,
    file: Path,
    format: Annotated[
        str, typer.Option("--format", help="auto, messages, openai, zendesk, intercom, csv ...")
    ] = "auto",
    source: Source = None,
    approve: Annotated[
        bool, typer.Option("--approve/--no-approve", help="Whether the replies in it may be learnt from.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Import conversations; a record that is already there is not stored twice, a broken one is reported."""
    from assistant.store import Store
    from training.importers import FormatName
    from training.logs import import_logs

    if format not in get_args(FormatName):
        raise typer.BadParameter(f"{format!r} is not one of {', '.join(get_args(FormatName))}")
    with steps_bar(say) as progress:
        store = Store(context.obj.sqlalchemy_url)
        report = import_logs(
            store,
            file,
            cast(FormatName, format),
            source,
            progress=lambda done: progress("Reading", done, None),
            approve=approve,
        )
        store.close()
    if as_json:
        print_json(report.to_dict())
        return
    out.print(f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged from {file}")
    for failure in report.failures:
        out.print(f"  {failure.place}: {failure.reason}", style="red", markup=False)
    out.print("Next: assistant logs stats, then assistant train")


@logs.command("export")
def export_file(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Where to write; standard output without it.")] = None,
    format: Annotated[str, typer.Option("--format", help="messages: all; openai: roles and texts.")] = "messages",
    source: Source = None,
) -> None:
    """Write all conversations as JSON Lines."""
    from assistant.store import Store
    from training.logs import ExportFormat, export_logs, exported_lines

    if format not in get_args(ExportFormat):
        raise typer.BadParameter(f"{format!r} is not one of {', '.join(get_args(ExportFormat))}")
    chosen = cast(ExportFormat, format)
    store = Store(context.obj.sqlalchemy_url)
    try:
        if file is None:
            for line in exported_lines(store, chosen, source):
                typer.echo(line)
            return
        out.print(f"{export_logs(store, file, chosen, source)} conversations written to {file}")
    finally:
        store.close()


@logs.command("stats")
def stats(context: typer.Context, source: Source = None, as_json: AsJson = False) -> None:
    """What is stored, and what curation would pick and drop, and why."""
    from assistant.store import Store
    from training.logs import curation_rules, log_stats

    store = Store(context.obj.sqlalchemy_url)
    found = log_stats(store, curation_rules(context.obj), source).to_dict()
    store.close()
    if as_json:
        print_json(found)
        return
    out.print(f"{found['conversations']} conversations, {found['replies']} replies, examples {found['examples']}")
    table = Table("dropped", "because")
    for reason, count in found["dropped"].items():
        table.add_row(str(count), found["reasons"][reason])
    out.print(table)


def train(
    context: typer.Context,
    recipe: Annotated[Path | None, typer.Option("--recipe", help="A TOML file of training knobs.")] = None,
    files: Annotated[list[Path] | None, typer.Option("--logs", help="Train on these files, not on the store.")] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Try a few neighbouring recipes first.")] = False,
    write_recipe: Annotated[
        Path | None, typer.Option("--write-recipe", help="Write the default recipe, every knob explained, and stop.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Curate the logs and train one adapter; repeat the command after an interruption to go on."""
    from assistant.store import Store
    from training.curate import curate
    from training.examples import with_validation
    from training.held_out import to_learn
    from training.logs import curate_files, curation_rules, stored_logs
    from training.recipe import Recipe, load_recipe
    from training.retrieved import with_knowledge
    from training.tuning import tune

    settings: Settings = context.obj
    chosen = load_recipe(recipe) if recipe else Recipe()
    if write_recipe is not None:
        write_recipe.write_text(chosen.to_toml(), "utf-8")
        out.print(f"Recipe written to {write_recipe}; edit it, then assistant train --recipe {write_recipe}")
        return
    rules = curation_rules(settings)
    if chosen.max_examples:  # masking more than twice what is learnt from only takes time
        rules = replace(rules, max_examples=min(rules.max_examples, 2 * chosen.max_examples))
    with steps_bar(say) as progress:
        if files:
            curation = curate_files(files, rules)
        else:
            store = Store(settings.sqlalchemy_url)
            curation = curate(to_learn(stored_logs(store), store, settings.held_out_share), rules)
            store.close()
        examples = with_validation(with_knowledge(curation.examples, settings))
        tuned = tune(settings, chosen, examples, sweep=sweep, watch=watcher(progress))
    if tuned is None:
        return  # a helping process of torchrun
    figures = tuned.figures
    if as_json:
        names = ("examples", "steps", "tokens_per_second", "train_loss", "validation_loss", "seconds")
        values = asdict(figures)
        dropped = {**curation.dropped, **figures.dropped}
        print_json({"adapter": tuned.id, "dropped": dropped, **{name: values[name] for name in names}})
        return
    out.print(f"Adapter {tuned.id}: {figures.examples} examples, {figures.steps} steps, {figures.seconds:.0f} s")
    out.print(f"Validation loss {figures.base_loss:.3f} -> {figures.validation_loss:.3f}")
    out.print(f"Loss curve: {tuned.folder / 'curve.html'}; TensorBoard: {settings.home / 'runs' / 'tensorboard'}")
    out.print(f"Next: assistant evaluate --adapter {tuned.id} --cases FILE, then assistant adapters promote {tuned.id}")


def watcher(progress: Report) -> Watcher:
    """Show each training step on the bar; a line for each validation, and where there is no bar now and then."""

    def watch(now: TrainingProgress) -> None:
        progress("Training", now.step, now.steps)
        validated = now.validation_loss is not None
        if validated or (not say.is_terminal and now.step % STEPS_A_LINE == 0):
            validation = f", validation {now.validation_loss:.3f}" if validated else ""
            say.print(
                f"step {now.step} of {now.steps}: loss {now.train_loss:.3f}{validation}, "
                f"{now.tokens_per_second:.0f} tokens/s, {now.seconds_left / 60:.1f} minutes left"
            )

    return watch


def evaluate(
    context: typer.Context,
    cases: Cases,
    adapter: AdapterId = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a comparison with the base here (.html or .md).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score the model's own words on held-out cases: the base's or an adapter's, on the knowledge given with each."""
    from training.appraisal import BASE, appraise, what_serves
    from training.cases import load_cases
    from training.report import compare, write_report

    chosen = load_cases(cases)
    adapter = adapter or what_serves(context.obj)
    if report is not None and (adapter == BASE or report.suffix not in (".html", ".md")):
        raise typer.BadParameter("--report compares an adapter with the base: give --adapter ID and FILE.html or .md")

    def card(who: str) -> Scorecard:
        with steps_bar(say) as progress:
            told = f"Answering ({who})"
            return asyncio.run(
                appraise(context.obj, who, chosen, progress=lambda done: progress(told, done, len(chosen)))
            )

    scored = card(adapter)
    if report is not None:
        write_report(compare(card(BASE), scored), report)
    if as_json:
        print_json(scored.to_dict())
        return
    for name, value in scored.to_dict().items():
        if name != "intervals":
            out.print(f"{name:>14}  {value}", markup=False)
    for name, interval in scored.intervals.items():
        out.print(f"{name:>14}  {interval.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})", markup=False)
    out.print(f"Side by side: {report}" if report else "Next: --report FILE.html shows the replies side by side")


def perplexity(context: typer.Context, cases: Cases, adapter: AdapterId = None, as_json: AsJson = False) -> None:
    """Perplexity of the cases' references, rendered as serving renders."""
    from training.appraisal import reference_perplexity, what_serves
    from training.cases import load_cases

    found = reference_perplexity(context.obj, adapter or what_serves(context.obj), load_cases(cases))
    if as_json:
        print_json(asdict(found))
    else:
        out.print(f"Perplexity {found.perplexity:.2f} over {found.tokens} tokens")
