"""The commands that ask: `search`, `ask` and `chat`, for people and in batches.

Knows how results look in the terminal and as JSON; finding and answering is done elsewhere.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from assistant.engines import ChatMessage
from assistant.errors import AssistantError, InvalidInput
from ui.batch import answer_all, chunks, conversation, print_json, read_lines

if TYPE_CHECKING:
    from assistant.conversation import Reply
    from assistant.turn import Assistant
    from retrieval.documents import SearchResult

out = Console()
say = Console(stderr=True)  # progress and notes; results go to standard output

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
Batch = Annotated[Path | None, typer.Option("--batch", help="A JSONL file of requests, - for standard input.")]


def search(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(help="What to look for.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="Number of hits.")] = 5,
    as_json: AsJson = False,
    batch: Batch = None,
) -> None:
    """Find passages of the knowledge base."""
    from assistant.understand import understand
    from assistant.wiring import build_retriever

    one_of(query, batch)
    retriever = build_retriever(context.obj)
    if batch is not None:
        for group in chunks(read_lines(batch), 64):
            search_group(retriever, group, k)
        return
    result = retriever.search(understand([ChatMessage("user", query or "")]).question, k)
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
    from assistant.understand import Understanding, understand

    asked: dict[int, Understanding] = {}
    errors: dict[int, str] = {}
    for number, line in enumerate(group):
        if line.error is not None:
            errors[number] = line.error
            continue
        try:
            asked[number] = understand(conversation(line.request))
        except InvalidInput as error:
            errors[number] = str(error)
    questions = [one.topic for one in asked.values()]
    said, alone = [one.said for one in asked.values()], [one.question for one in asked.values()]
    found = dict(zip(asked, retriever.search_many(questions, k, said, alone), strict=True))
    for number, line in enumerate(group):
        if number in errors:
            print_json({"id": line.id, "error": errors[number]})
        else:
            print_json({"id": line.id, **search_json(asked[number].said[-1], found[number])})


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
    from assistant.wiring import adopt_adapter

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        reply = await assistant.answer_whole(conversation(request))
        return reply.to_dict()

    await adopt_adapter(assistant)
    async for result in answer_all(read_lines(batch), answer, assistant.settings.engine_slots):
        print_json(result)
    await assistant.close()


async def ask_once(assistant: Assistant, text: str, as_json: bool) -> None:
    """A stored turn in a conversation of its own, streamed to the terminal unless JSON is wanted."""
    from assistant.wiring import adopt_adapter

    await adopt_adapter(assistant)
    created = await asyncio.to_thread(assistant.store.create_conversation, channel="cli")
    await say_turn(assistant, created.id, text, as_json)
    await assistant.close()


async def say_turn(assistant: Assistant, conversation_id: str, text: str, as_json: bool = False) -> None:
    """Run one stored turn and show it."""
    from assistant.conversation import Completed, Delta, WaitingForPerson

    streamed = ""
    async with aclosing(assistant.reply(conversation_id, text)) as events:
        async for event in events:
            if isinstance(event, Completed) and as_json:
                print_json({"id": event.message_id, **event.reply.to_dict()})
            elif isinstance(event, Completed):
                show_reply(event.reply, streamed)
            elif isinstance(event, Delta) and not as_json:
                streamed += event.text
                out.print(event.text, end="", markup=False, highlight=False)
            elif isinstance(event, WaitingForPerson) and not as_json:
                out.print("(A person has been asked to join.)", style="dim")


def show_reply(reply: Reply, streamed: str) -> None:
    """End a streamed reply: its final words where they differ, and its sources."""
    if streamed.strip() != reply.text:  # the model went astray and the final words replace it
        out.print(f"\n{reply.text}", end="", markup=False, highlight=False)
    out.print()
    for number, cited in enumerate(reply.citations, start=1):
        where = " > ".join(dict.fromkeys((cited.path or cited.title, *cited.heading_path)))
        out.print(f"  [{number}] {where}", style="dim", markup=False, highlight=False)


def chat(context: typer.Context) -> None:
    """Chat in the terminal; an empty line or Ctrl-D ends it."""
    from assistant.wiring import build_assistant

    asyncio.run(chat_loop(build_assistant(context.obj)))


async def chat_loop(assistant: Assistant) -> None:
    """Ask and answer until the person at the terminal has had enough."""
    from assistant.wiring import adopt_adapter

    await adopt_adapter(assistant)
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


def one_of(text: str | None, batch: Path | None) -> None:
    """Exactly one of a text argument and --batch must be given."""
    if (text is None) == (batch is None):
        raise typer.BadParameter("give either a text or --batch FILE")
    if text is not None and not text.strip():
        raise InvalidInput("the text is empty; ask something")
