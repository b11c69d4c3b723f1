"""The commands that teach understanding: `intents` and `mood`.

Knows how results look in the terminal and as JSON; the work is done in `assistant` and `training`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from assistant.errors import InvalidInput
from assistant.settings import Settings
from ui.batch import message_of, print_json, read_lines
from ui.cli_answers import AsJson, Batch, one_of, out, say
from ui.intent_batch import classify_lines, intent_json
from ui.progress import steps_bar

if TYPE_CHECKING:
    from assistant.intents import IntentModel
    from assistant.store import Store
    from retrieval.by_script import Reads
    from training.reader_choice import Tried

intents = typer.Typer(help="Teach the assistant what customers want, from examples.", no_args_is_help=True)

mood = typer.Typer(help="How customers' messages sound: sentiment and urgency.", no_args_is_help=True)

FEW_EXAMPLES = 5
CONFUSABLE = 0.15  # share of an intent's examples taken for one other


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store for one command."""
    from assistant.store import Store

    store = Store(settings.sqlalchemy_url)
    try:
        yield store
    finally:
        store.close()


@intents.command("import")
def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSONL or CSV with text and intent; oos: out of scope.")],
    as_json: AsJson = False,
) -> None:
    """Add examples and fit the classifier; importing a file twice changes nothing."""
    from assistant.wiring import build_reader
    from training.intent_training import import_intents

    with opened(context.obj) as store, steps_bar(say) as progress:
        report = import_intents(context.obj, store, build_reader(context.obj), file, progress)
    if as_json:
        print_json(report.to_dict())
        return
    out.print(
        f"{report.added} examples added, {report.unchanged} unchanged, {len(report.failed)} failed: "
        f"{report.examples} examples of {report.intents} intents, {report.out_of_scope} out of scope"
    )
    for failure in report.failed[:20]:
        out.print(f"  {failure.place}: {failure.reason}", style="red", markup=False)
    if figures := report.cross_validation:
        out.print(
            f"Cross-validated: {figures['accuracy']:.1%} right before refusals; with them {figures['kept']:.1%} of "
            f"in-scope messages kept and right, {figures['refused']:.1%} of others refused"
        )
        if report.tuned:
            print_tuned("intents, score on held-out messages", report.tuned)
    else:
        out.print("Not fitted yet: at least two intents with two examples each are needed", style="yellow")
    out.print('Next: assistant intents classify "a message", assistant intents report')


def print_tuned(what: str, tried: Tried) -> None:
    """Whether a tuned copy of the embedder serves, and why."""
    verdict = "serves" if tried["serves"] else "is not used"
    out.print(
        f"{what}: {tried['without']:.3f} without and {tried['with']:.3f} with a copy of the embedder tuned to the "
        f"examples, which {verdict}",
        highlight=False,
    )


@intents.command("classify")
def classify(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(help="A customer's message.")] = None,
    as_json: AsJson = False,
    batch: Batch = None,
) -> None:
    """Name the intent of a message, or say that it is out of scope; those of a file are judged together."""
    one_of(text, batch)
    model, embedder = served_intents(context.obj)
    if batch is not None:
        with steps_bar(say) as progress:
            classify_lines(model, embedder, read_lines(batch), progress)
        return
    found = model.classify(embedder.encode_queries([text or ""]), [text or ""])[0]
    if as_json:
        print_json({"id": None, "intent": intent_json(found)})
    else:
        out.print(f"{found.name} ({found.score:.2f})" if found else "out of scope", markup=False)


def served_intents(settings: Settings) -> tuple[IntentModel, Reads]:
    """The serving classifier with its embedder. Raises InvalidInput when there is none."""
    from assistant.intents import load_intents
    from assistant.learned_models import fingerprint, serving_model
    from assistant.wiring import build_reader

    embedder = build_reader(settings)
    with opened(settings) as store:
        found = serving_model(settings, store, "intents", fingerprint(embedder))
    if found is None:
        raise InvalidInput(
            "no intents were learnt with this embedder; import examples first: assistant intents import FILE"
        )
    return load_intents(found[1]), embedder


@intents.command("list")
def list_intents(context: typer.Context, as_json: AsJson = False) -> None:
    """Every intent with its number of examples."""
    from assistant.store_intents import intent_counts

    with opened(context.obj) as store:
        counts = intent_counts(store)
    rows = [{"intent": name, "examples": count} for name, count in sorted(counts.items(), key=lambda i: -i[1])]
    if as_json:
        print_json({"intents": rows})
        return
    table = Table("intent", "examples")
    for row in rows:
        table.add_row(str(row["intent"] or "(out of scope)"), str(row["examples"]))
    out.print(table)


@intents.command("report")
def report(context: typer.Context, as_json: AsJson = False) -> None:
    """What cross-validation says: how many are right, and which intents are mixed up and should be told apart."""
    from assistant.store_intents import intent_counts, newest_model

    with opened(context.obj) as store:
        model, counts = newest_model(store, "intents"), intent_counts(store)
    if model is None:
        raise InvalidInput("no intents were learnt yet; import examples first: assistant intents import FILE")
    thin = sorted(name for name, count in counts.items() if name is not None and count < FEW_EXAMPLES)
    if as_json:
        print_json({**model.details, "few_examples": thin})
        return
    figures = model.details["cross_validation"]
    out.print(
        f"{figures['accuracy']:.1%} right, {figures['kept']:.1%} after refusals; "
        f"{figures['refused']:.1%} of others refused"
    )
    table = Table("intent", "taken for", "times", "share of its examples")
    for row in model.details["confused"]:
        table.add_row(row["intent"], row["taken_for"], str(row["count"]), f"{row['share']:.0%}")
    out.print(table)
    for row in model.details["confused"]:
        if row["share"] >= CONFUSABLE:
            out.print(f"Merge or tell apart: {row['intent']} and {row['taken_for']}", markup=False)
    if thin:
        out.print(f"Fewer than {FEW_EXAMPLES} examples: {', '.join(thin)}", markup=False)


@intents.command("discover")
def discover(
    context: typer.Context,
    source: Annotated[str | None, typer.Option("--source", help="Only this source of logs.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cluster what customers said in the logs and no intent covers, and name the clusters."""
    from assistant.heard import open_intents
    from assistant.wiring import build_reader
    from training.intent_discovery import discover_intents
    from training.intent_training import first_words, vectors_of

    embedder = build_reader(context.obj)
    with opened(context.obj) as store, steps_bar(say) as progress:
        texts = first_words(store, source)
        model = open_intents(context.obj, store, embedder)
        found = discover_intents(texts, vectors_of(context.obj, embedder, texts, progress), model)
    if as_json:
        print_json({"messages": len(texts), "discovered": [asdict(cluster) for cluster in found]})
        return
    for cluster in found[:30]:
        out.print(f"{cluster.name}  {cluster.messages} messages", style="bold", markup=False)
        for example in cluster.examples[:3]:
            out.print(f"  {example[:160]}", markup=False)
    out.print(f"{len(found)} clusters in {len(texts)} messages. Next: name them in a file for assistant intents import")


@mood.command("train")
def train_moods(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(help="JSONL or CSV with text and label: negative, neutral, positive, urgent or calm."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Learn moods from your own labelled messages; without a file from the product's own sentences."""
    from assistant.wiring import build_reader
    from training.mood_training import train_mood

    with opened(context.obj) as store, steps_bar(say) as progress:
        report = train_mood(context.obj, store, build_reader(context.obj), file, progress)
    if as_json:
        print_json(report.to_dict())
        return
    for failure in report.failed[:20]:
        out.print(f"  {failure.place}: {failure.reason}", style="red", markup=False)
    for kind, score in report.macro_f1.items():
        out.print(f"{kind}: macro-F1 {score:.3f} cross-validated", highlight=False)
    for language, tried in report.tuned.items():
        print_tuned(f"sentiment.{language}, macro-F1 on held-out examples", tried)
    out.print('Next: assistant mood classify "a message"')


@mood.command("classify")
def classify_mood(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(help="A customer's message.")] = None,
    as_json: AsJson = False,
    batch: Batch = None,
) -> None:
    """How a message sounds."""
    from assistant.heard import open_mood
    from assistant.wiring import build_reader

    one_of(text, batch)
    embedder = build_reader(context.obj)
    with opened(context.obj) as store:
        model = open_mood(context.obj, store, embedder)
    if model is None:
        raise InvalidInput("no moods were learnt with this embedder; learn them first: assistant mood train")
    if batch is None:
        found = model.mood(embedder.encode_queries([text or ""])[0], text or "")
        if as_json:
            print_json({"id": None, "mood": asdict(found) if found else None})
        else:
            out.print(f"{found.sentiment} ({found.confidence:.2f}), urgency {found.urgency:.2f}" if found else "none")
        return
    for line in read_lines(batch):
        asked = message_of(line)
        if line.error is not None or asked is None:
            print_json({"id": line.id, "error": line.error or 'give "text", a customer\'s message'})
            continue
        found = model.mood(embedder.encode_queries([asked])[0], asked)
        print_json({"id": line.id, "mood": asdict(found) if found else None})
