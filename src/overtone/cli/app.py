"""The application: which commands there are, in the order a newcomer meets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from overtone.cli.compare import compare
from overtone.cli.demo import demo
from overtone.cli.diagnose import diagnose
from overtone.cli.embed import embed
from overtone.cli.evaluate import evaluate
from overtone.cli.extract import extract
from overtone.cli.graph import graph
from overtone.cli.inspect import inspect
from overtone.cli.methods import methods
from overtone.cli.simulate import simulate
from overtone.cli.train import train

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from overtone.core.version import __version__

        typer.echo(f"overtone {__version__}")
        raise typer.Exit


@app.callback()
def overtone(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Align two modalities into one searchable space, without labels, and say honestly how good it is.

    Start with `overtone demo`; then `overtone inspect YOUR.npz` and `overtone train hsc-mae YOUR.npz --out runs/first`.
    DATA is a file (npz, h5, mat, parquet, safetensors), a folder, or a built-in corpus such as split-digits.

    With --json a command prints exactly one JSON document on standard output; everything for people goes to standard
    error. Exit codes: 0 done, 2 your input is wrong (the message says what to do), 1 anything else.
    """


COMMANDS: dict[Callable[..., None], str] = {
    demo: "The main job on built-in real data",
    extract: "Images on disk become a file of features",
    inspect: "What is in DATA, and what is wrong with it",
    train: "Train one method into a run folder",
    embed: "Embeddings of DATA by a run, into a file",
    evaluate: "Retrieval of a run, or of any embeddings",
    compare: "Several methods and seeds, one table",
    diagnose: "What losses do to an embedding, and which to take",
    simulate: "A corpus whose events and interactions are known",
    graph: "A graph from a table or from soft labels",
    methods: "The methods, and what can be set",
}
"""Each command with its line in ``overtone --help``."""

for command, line in COMMANDS.items():
    app.command(short_help=line)(command)
