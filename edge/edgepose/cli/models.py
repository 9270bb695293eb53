"""``edgepose models list|show|verify|import|pull``: the model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from edgepose.cli.models_import import import_model, print_card, pull

app = typer.Typer(help="The model folder.", no_args_is_help=True)
app.command("import")(import_model)
app.command()(pull)

ModelsDir = Annotated[Path | None, typer.Option("--models-dir", help="look here first")]
AsJson = Annotated[bool, typer.Option("--json", help="for machines")]


@app.command("list")
def list_models(models_dir: ModelsDir = None, as_json: AsJson = False) -> None:
    """List the installed models."""
    from edgepose import card as cards
    from edgepose import models
    from edgepose.errors import ModelError

    rows = []
    for folder in models.installed(models_dir):
        try:
            card = cards.load(folder)
            rows.append({"name": folder.name, "version": card.version, "task": card.task, "licence": card.licence})
        except ModelError as error:
            rows.append({"name": folder.name, "version": "", "task": "broken", "licence": str(error)})
    if as_json:
        typer.echo(json.dumps(rows))
    for row in [] if as_json else rows:
        typer.echo(f"{row['name']:<24} {row['version']:<8} {row['task']:<8} {row['licence']}")


@app.command()
def show(model: str, models_dir: ModelsDir = None, as_json: AsJson = False) -> None:
    """Show a model's card: what it is, what it was trained on, how well it does, what it cannot do."""
    from edgepose import card as cards
    from edgepose import models

    card = cards.load(models.find(model, models_dir))
    if as_json:
        typer.echo(json.dumps(cards.as_json(card)))
        return
    print_card(card)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="names or folders; none: all installed")] = None,
    models_dir: ModelsDir = None,
) -> None:
    """Check hashes, shapes and layout by loading each model as ``run`` would; exit 2 if one is wrong."""
    from edgepose import build, models

    folders = [models.find(name, models_dir) for name in names] if names else list(models.installed(models_dir))
    wrong = 0
    for folder in folders:
        complaint = build.verify(folder)
        wrong += complaint is not None
        typer.echo(f"{folder.name:<24} {'good' if complaint is None else complaint}", err=complaint is not None)
    if wrong:
        raise typer.Exit(2)
