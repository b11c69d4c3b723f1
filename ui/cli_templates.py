"""The `templates` commands: answer templates from logs or files, approved by a person before they are served.

Knows how they look in the terminal and as JSON; the work is done in `assistant` and `training`.
"""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from assistant.settings import Settings
from ui.batch import print_json
from ui.cli_answers import AsJson, out, say
from ui.cli_understanding import opened
from ui.progress import steps_bar

if TYPE_CHECKING:
    from assistant.store_templates import Template
    from training.template_import import TemplateImport

templates = typer.Typer(help="Answer templates: mine them from logs, import, approve.", no_args_is_help=True)

TemplateId = Annotated[str, typer.Argument(help="A template's id, as listed.")]


@templates.command("list")
def list_templates(
    context: typer.Context,
    state: Annotated[str | None, typer.Option("--state", help="draft, approved or retired.")] = None,
    as_json: AsJson = False,
) -> None:
    """Every template, the best supported first."""
    from assistant import store_templates
    from assistant.tables_understanding import TemplateState
    from training.template_import import template_json

    if state is not None and state not in get_args(TemplateState):
        raise typer.BadParameter(f"{state!r} is not one of {', '.join(get_args(TemplateState))}")
    with opened(context.obj) as store:
        found = store_templates.templates(store, cast("TemplateState | None", state))
    if as_json:
        print_json({"templates": [template_json(template) for template in found]})
        return
    for template in found:
        show_template(context.obj, template)
    out.print(f"{len(found)} templates. Next: assistant templates approve ID")


def show_template(settings: Settings, template: Template) -> None:
    """A template as people read it, with the slots that have no value yet."""
    from assistant.templates import slots

    about = f"{template.state} {template.language} v{template.version}"
    out.print(f"{template.id}  {about}  {template.support} conversations", style="bold", markup=False)
    for question in template.questions[:3]:
        out.print(f"  ? {question[:160]}", markup=False)
    out.print(f"  > {template.text}", markup=False)
    missing = [name for name in slots(template.text) if name != "company" and name not in settings.template_values]
    if missing:
        out.print(f"  not served until template_values has: {', '.join(missing)}", style="yellow", markup=False)


@templates.command("mine")
def mine(context: typer.Context, as_json: AsJson = False) -> None:
    """Find answers that people gave again and again in the logs, and keep them as drafts."""
    from assistant.privacy import MaskRules
    from assistant.wiring import build_reader
    from training.held_out import held_out_ids
    from training.logs import curation_rules, stored_logs
    from training.template_import import mine_store

    rules = curation_rules(context.obj)
    masks = MaskRules(rules.order_patterns, frozenset(rules.keep))
    with opened(context.obj) as store, steps_bar(say) as progress:
        aside = held_out_ids(stored_logs(store), context.obj.held_out_share)  # `measure` asks these
        report = mine_store(store, build_reader(context.obj), masks, progress, aside)
    show_import(context.obj, report, as_json)


@templates.command("import")
def import_file(context: typer.Context, file: Path, as_json: AsJson = False) -> None:
    """Add templates from JSONL or CSV: question(s), text, and optionally intent, language, family and dates."""
    from training.template_import import import_templates

    with opened(context.obj) as store:
        report = import_templates(store, file)
    show_import(context.obj, report, as_json)


def show_import(settings: Settings, report: TemplateImport, as_json: bool) -> None:
    """What was added as drafts."""
    if as_json:
        print_json(report.to_dict())
        return
    for template in report.added:
        show_template(settings, template)
    for failure in report.failed[:20]:
        out.print(f"  {failure.place}: {failure.reason}", style="red", markup=False)
    out.print(
        f"{len(report.added)} drafts added, {report.unchanged} unchanged, {len(report.failed)} failed. "
        "Next: assistant templates approve ID"
    )


@templates.command("measure")
def measure(
    context: typer.Context,
    cases: Annotated[
        Path | None, typer.Option("--cases", help="JSONL of cases; without it the stored conversations held out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Drafts and approved templates against the assistant's own replies, on held-out questions that they fit."""
    from assistant import store_templates
    from assistant.tables import now
    from assistant.wiring import adopt_adapter, build_assistant
    from training.cases import load_cases
    from training.template_trial import TemplateTrial, held_out_cases, try_templates

    async def tried() -> list[TemplateTrial]:
        assistant = build_assistant(context.obj)
        try:
            await adopt_adapter(assistant)
            chosen = load_cases(cases) if cases else held_out_cases(assistant.store, context.obj)
            asked = [t for t in store_templates.templates(assistant.store) if t.state != "retired"]
            with steps_bar(say) as progress:
                return await try_templates(
                    assistant, asked, chosen, now(), lambda done, total: progress("Answering", done, total)
                )
        finally:
            await assistant.close()

    found = asyncio.run(tried())
    if as_json:
        print_json({"templates": [trial.to_dict() for trial in found]})
        return
    for trial in found:
        gain = f", similarity {trial.similarity.mean:+.3f}" if trial.similarity else ""
        gain += f", ROUGE-L {trial.rouge_l.mean:+.3f}" if trial.rouge_l else ""
        out.print(f"{trial.template_id}  {trial.verdict} ({trial.questions} questions{gain})", markup=False)
    out.print(f"{len(found)} templates. Next: assistant templates approve ID, or retire ID")


@templates.command("approve")
def approve(context: typer.Context, template_id: TemplateId, as_json: AsJson = False) -> None:
    """Serve a template from now on; the version before it retires."""
    from assistant.store_templates import approve_template
    from training.template_import import template_json

    with opened(context.obj) as store:
        template = approve_template(store, template_id, getpass.getuser())
    if as_json:
        print_json(template_json(template))
    else:
        show_template(context.obj, template)
        out.print("Served from now on; running servers pick it up within seconds")


@templates.command("retire")
def retire(context: typer.Context, template_id: TemplateId) -> None:
    """No longer serve a template."""
    from assistant.store_templates import retire_template

    with opened(context.obj) as store:
        retire_template(store, template_id)
    out.print(f"{template_id} is retired")
