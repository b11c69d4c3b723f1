"""The `assistant` command: its options, its words in the terminal, and one place where errors become exit codes.

Everything it does is done by the packages below it; heavy imports wait until a command needs them.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from assistant.errors import AssistantError
from assistant.settings import Settings, load_settings
from retrieval.failures import RetrievalError
from ui import (
    cli_adapters,
    cli_answers,
    cli_calibrate,
    cli_cycle,
    cli_learning,
    cli_sites,
    cli_staff,
    cli_templates,
    cli_understanding,
)
from ui.batch import print_json
from ui.cli_answers import AsJson, out, say
from ui.progress import steps_bar

app = typer.Typer(
    help="A self-hosted customer-service assistant that learns from its own logs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
documents = typer.Typer(help="List or remove documents of the knowledge base.", no_args_is_help=True)
app.add_typer(documents, name="documents")
app.add_typer(cli_learning.logs, name="logs")
app.add_typer(cli_adapters.adapters, name="adapters")
app.add_typer(cli_sites.sites, name="sites")
app.add_typer(cli_cycle.runs, name="runs")
app.add_typer(cli_cycle.approvals, name="approvals")
app.add_typer(cli_staff.staff, name="staff")
app.add_typer(cli_understanding.intents, name="intents")
app.add_typer(cli_understanding.mood, name="mood")
app.add_typer(cli_templates.templates, name="templates")


@app.callback()
def home(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Option("--home", envvar="ASSISTANT_HOME", help="Folder of database, models, index, adapters."),
    ] = None,
) -> None:
    """Read the settings once for whichever command follows."""
    context.obj = load_settings(folder)
    context.obj.home.mkdir(parents=True, exist_ok=True)


@app.command()
def setup(context: typer.Context) -> None:
    """Fetch and verify the default models; does nothing when they are there."""
    from assistant.engines.choose import prepare_default_engine
    from assistant.prepared_embedder import prepared_embedder
    from assistant.weights import ensure_models, ensure_multilingual

    settings: Settings = context.obj
    with steps_bar(say) as progress:
        models = ensure_models(settings, progress, verify=True)
        if settings.multilingual != "never":
            ensure_multilingual(settings, progress, verify=True)
        progress("Preparing the embedder", 0, None)
        prepared_embedder(settings, models.embedder)
        progress("Preparing the language model", 0, None)
        prepare_default_engine(settings)
    say.print(f"Models are ready: {models.gguf.name} and {models.embedder.name} in {settings.models_folder}")
    say.print("Next: assistant ingest FOLDER, then assistant serve")


@app.command()
def ingest(
    context: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; none: rebuild only.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="A name for where these documents come from.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Also remove documents whose files are gone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add or update documents; unchanged ones cost nothing and a broken one does not stop the rest.

    An index of an older program or another embedder is rebuilt from the passages it holds.
    """
    from assistant.knowledge import ingest_documents

    settings: Settings = context.obj
    with steps_bar(say) as progress:
        report = ingest_documents(settings, paths or [], source, prune=prune, progress=progress)
    if as_json:
        print_json(asdict(report))
        return
    out.print(
        f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, {len(report.failed)} failed: "
        f"{report.passages} passages in {settings.index_folder} after {report.seconds:.1f} s"
    )
    for failure in report.failed:
        out.print(f"  {failure.path}: {failure.error}", style="red", markup=False)
    say.print('Next: assistant ask "a question", or assistant serve')


@documents.command("list")
def list_documents(context: typer.Context, as_json: AsJson = False) -> None:
    """Every document of the knowledge base with its number of passages."""
    from retrieval.index import open_index

    entries = list(open_index(context.obj.index_folder).documents.values())
    if as_json:
        rows = [{"id": e.id, "title": e.title, "source": e.source, "passages": e.passages} for e in entries]
        print_json({"documents": rows})
        return
    table = Table(Column("id", overflow="fold"), "title", "source", "passages")
    for entry in entries:
        table.add_row(entry.id, entry.title, entry.source, str(entry.passages))
    out.print(table)


@documents.command("remove")
def remove_documents(
    context: typer.Context, ids: Annotated[list[str], typer.Argument(help="Document ids.")], as_json: AsJson = False
) -> None:
    """Remove documents from the knowledge base."""
    from assistant.knowledge import forget_documents

    passages = forget_documents(context.obj, ids)
    if as_json:
        print_json({"removed": ids, "passages": passages})
    else:
        out.print(f"Removed {len(ids)} documents; {passages} passages are left")


app.command()(cli_answers.search)
app.command()(cli_answers.ask)
app.command()(cli_calibrate.calibrate)
app.command()(cli_answers.chat)
app.command()(cli_learning.train)
app.command()(cli_cycle.retrain)
app.command()(cli_cycle.worker)
app.command()(cli_learning.evaluate)
app.command()(cli_learning.perplexity)
app.command()(cli_adapters.forget)
app.command()(cli_adapters.explain)


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8000,
) -> None:
    """Serve the web chat, the API and the desk."""
    from ui.serving import run

    started = time.perf_counter()
    run(context.obj, host, port, lambda url: say.print(f"{url} is ready after {time.perf_counter() - started:.1f} s"))


def main() -> None:
    """Run the command line: 0 ok, 1 a clear error, 2 usage."""
    try:
        app()
    except (AssistantError, RetrievalError) as error:
        say.print(f"assistant: {error}", style="red", markup=False, highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
