"""The `assistant` command: its options, its words in the terminal, and one place where errors become exit codes.

Everything it does is done by the packages below it; heavy imports wait until a command needs them.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from assistant.engines import ChatMessage
from assistant.errors import AssistantError, InvalidInput, NotFound
from assistant.settings import Settings, load_settings
from retrieval.errors import RetrievalError
from ui.batch import Line, answer_all, chunks, conversation, print_json, read_lines
from ui.progress import steps_bar

if TYPE_CHECKING:
    from assistant.turn import Assistant
    from retrieval.documents import SearchResult

app = typer.Typer(
    help="A self-hosted customer-service assistant that learns from its own logs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
documents = typer.Typer(help="List or remove documents of the knowledge base.", no_args_is_help=True)
app.add_typer(documents, name="documents")

say = Console(stderr=True)  # progress and notes; results go to standard output
out = Console()

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
Batch = Annotated[Path | None, typer.Option("--batch", help="A JSONL file of requests, - for standard input.")]


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
    from assistant.weights import ensure_models

    settings: Settings = context.obj
    with steps_bar(say) as progress:
        models = ensure_models(settings, progress, verify=True)
    say.print(f"Models are ready: {models.gguf.name} and {models.embedder.name} in {settings.models_folder}")
    say.print("Next: assistant ingest FOLDER, then assistant serve")


@app.command()
def ingest(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.")],
    source: Annotated[str | None, typer.Option("--source", help="A name for where these documents come from.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Also remove documents whose files are gone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add or update documents; unchanged ones cost nothing and a broken one does not stop the rest."""
    from assistant.knowledge import ingest_documents

    settings: Settings = context.obj
    with steps_bar(say) as progress:
        report = ingest_documents(settings, paths, source, prune=prune, progress=progress)
    if as_json:
        print_json(report.to_dict())
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
    table = Table("id", "title", "source", "passages")
    for entry in entries:
        table.add_row(entry.id, entry.title, entry.source, str(entry.passages))
    out.print(table)


@documents.command("remove")
def remove_documents(
    context: typer.Context, ids: Annotated[list[str], typer.Argument(help="Document ids.")], as_json: AsJson = False
) -> None:
    """Remove documents from the knowledge base."""
    from assistant.knowledge import forget_documents

    removed = forget_documents(context.obj, ids)
    if as_json:
        print_json({"removed": list(removed)})
    else:
        out.print(f"Removed {len(removed)} of {len(ids)} documents")
    if missing := [id for id in ids if id not in removed]:
        raise NotFound(f"no document {', '.join(map(repr, missing))}; `assistant documents list` shows the ids")


@app.command()
def search(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(help="What to look for.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="Number of hits.")] = 5,
    as_json: AsJson = False,
    batch: Batch = None,
) -> None:
    """Find passages of the knowledge base."""
    from assistant.wiring import build_retriever

    one_of(query, batch)
    retriever = build_retriever(context.obj)
    if batch is not None:
        for group in chunks(read_lines(batch), 64):
            search_group(retriever, group, k)
        return
    result = retriever.search(question_of([ChatMessage("user", query or "")]), k)
    if as_json:
        print_json({"id": None, **search_json(query or "", result)})
        return
    for rank, hit in enumerate(result.hits, start=1):
        where = " > ".join((hit.passage.title, *hit.passage.heading_path))
        out.print(f"{rank}. [{hit.score:.3f}] {where} ({hit.passage.id})", style="bold", markup=False)
        out.print(f"   {hit.passage.text[:300]}", markup=False)
    out.print(f"Evidence that these answer the question: {result.evidence:.2f}")


def search_group(retriever: Any, group: Any, k: int) -> None:
    """Answer a group of batch lines with one encoding of all their questions."""
    questions: dict[int, str] = {}
    errors: dict[int, str] = {}
    for number, line in enumerate(group):
        try:
            questions[number] = question_of(conversation(line.request)) if line.error is None else ""
        except InvalidInput as error:
            errors[number] = str(error)
        if line.error is not None:
            errors[number] = line.error
    wanted = [number for number in questions if number not in errors]
    found = dict(zip(wanted, retriever.search_many([questions[n] for n in wanted], k), strict=True))
    for number, line in enumerate(group):
        if number in errors:
            print_json({"id": line.id, "error": errors[number]})
        else:
            asked = conversation(line.request)[-1].content
            print_json({"id": line.id, **search_json(asked, found[number])})


def question_of(messages: list[ChatMessage]) -> str:
    """The stand-alone question of a conversation."""
    from assistant.understand import understand

    return understand(messages).question


def search_json(query: str, result: SearchResult) -> dict[str, Any]:
    """A search result as the contract has it."""
    hits = [
        {
            "document_id": hit.passage.document_id,
            "passage_id": hit.passage.id,
            "title": hit.passage.title,
            "source": hit.passage.source,
            "text": hit.passage.text,
            "score": round(hit.score, 6),
        }
        for hit in result.hits
    ]
    return {"query": query, "hits": hits, "evidence": round(result.evidence, 6)}


@app.command()
def ask(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(help="The customer's question.")] = None,
    as_json: AsJson = False,
    batch: Batch = None,
) -> None:
    """One whole turn of the assistant. Batches are not stored."""
    from assistant.wiring import build_assistant

    one_of(text, batch)
    assistant = build_assistant(context.obj)
    if batch is not None:
        asyncio.run(ask_batch(assistant, batch))
    else:
        asyncio.run(ask_once(assistant, text or "", as_json))


async def ask_batch(assistant: Assistant, batch: Path) -> None:
    """Answer every line, as many at once as the engine has slots."""

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        reply = await assistant.answer_whole(conversation(request))
        return reply.to_dict()

    async for result in answer_all(read_lines(batch), answer, assistant.settings.engine_slots):
        print_json(result)
    await assistant.close()


async def ask_once(assistant: Assistant, text: str, as_json: bool) -> None:
    """A stored turn in a conversation of its own, streamed to the terminal unless JSON is wanted."""
    created = await asyncio.to_thread(assistant.store.create_conversation, channel="cli")
    await say_turn(assistant, created.id, text, as_json)
    await assistant.close()


async def say_turn(assistant: Assistant, conversation_id: str, text: str, as_json: bool = False) -> None:
    """Run one stored turn and show it."""
    from assistant.conversation import Completed, Delta, WaitingForPerson

    streamed = ""
    async for event in assistant.reply(conversation_id, text):
        if isinstance(event, Delta) and not as_json:
            streamed += event.text
            out.print(event.text, end="", markup=False, highlight=False)
        elif isinstance(event, Completed) and as_json:
            print_json({"id": event.message_id, **event.reply.to_dict()})
        elif isinstance(event, Completed):
            if streamed.strip() != event.reply.text:  # the model went astray and the final words replace it
                out.print(f"\n{event.reply.text}", end="", markup=False, highlight=False)
            out.print()
            for number, cited in enumerate(event.reply.citations, start=1):
                where = " > ".join(dict.fromkeys((cited.path or cited.title, *cited.heading_path)))
                out.print(f"  [{number}] {where}", style="dim", markup=False, highlight=False)
        elif isinstance(event, WaitingForPerson) and not as_json:
            out.print("(A person has been asked to join.)", style="dim")


@app.command()
def chat(context: typer.Context) -> None:
    """Chat in the terminal; an empty line or Ctrl-D ends it."""
    from assistant.wiring import build_assistant

    asyncio.run(chat_loop(build_assistant(context.obj)))


async def chat_loop(assistant: Assistant) -> None:
    """Ask and answer until the person at the terminal has had enough."""
    created = await asyncio.to_thread(assistant.store.create_conversation, channel="cli")
    out.print(f"Chat with the assistant of {assistant.settings.company}. An empty line ends it.")
    while True:
        try:
            text = await asyncio.to_thread(out.input, "[bold]> [/bold]")
        except EOFError:
            break
        if not text.strip():
            break
        try:
            await say_turn(assistant, created.id, text)
        except AssistantError as error:
            out.print(str(error), style="red", markup=False)
    await assistant.close()


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


def one_of(text: str | None, batch: Path | None) -> None:
    """Exactly one of a text argument and --batch must be given."""
    if (text is None) == (batch is None):
        raise typer.BadParameter("give either a text or --batch FILE")
    if text is not None and not text.strip():
        raise InvalidInput("the text is empty; ask something")


def main() -> None:
    """Run the command line: 0 ok, 1 a clear error, 2 usage."""
    try:
        app()
    except (AssistantError, RetrievalError) as error:
        say.print(f"assistant: {error}", style="red", markup=False, highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


__all__ = ["Line", "app", "main"]
