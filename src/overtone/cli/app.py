"""The application: which commands there are, in the order a newcomer meets them."""

from __future__ import annotations

from typing import Annotated

import typer

from overtone import api
from overtone.api.checks import split_words
from overtone.cli import showing, showing_find, showing_search
from overtone.cli.commands import Command

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from overtone import __version__

        typer.echo(f"overtone {__version__}")
        raise typer.Exit


@app.callback()
def overtone(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Map two modalities into one searchable space, with or without labels, and measure how good that space is.

    Start with `overtone demo`; then `overtone inspect YOUR.npz` and `overtone train hsc-mae YOUR.npz --out runs/first`.
    DATA is a file (npz, h5, mat, parquet, safetensors), a folder, or a built-in corpus such as split-digits.

    With --json a command prints exactly one JSON document on standard output; everything for people goes to standard
    error. Exit codes: 0 done, 2 your input is wrong (the message says what to do), 1 anything else.
    """


OUT = frozenset({"out"})
COMMANDS = {
    "demo": Command(api.demo, showing.show_comparison, "Compare methods on built-in real data", plugins=False),
    "build": Command(api.build, showing.show_build, "Make a searchable space from a folder of media", plugins=False),
    "extract": Command(api.extract, showing.show_extraction, "Turn media into a file of features", plugins=False),
    "inspect": Command(api.inspect, showing.show_inspection, "Show what is in DATA and what is wrong", plugins=False),
    "train": Command(api.train, showing.show_run, "Train one method and evaluate it", OUT),
    "embed": Command(api.embed, showing.show_embeddings, "Write the embeddings of DATA to a file", OUT),
    "evaluate": Command(api.evaluate, showing.show_evaluation, "Evaluate retrieval of a run or of embeddings"),
    "report": Command(api.report_run, showing.show_report, "Write the report of a run again, with what was found"),
    "index": Command(api.index, showing_search.show_indexing, "Put the embeddings of DATA into a store"),
    "search": Command(api.search_store, showing_search.show_search, "Find what is nearest to an item or to new clips"),
    "find": Command(
        api.find, showing_find.show_found, "Find near-duplicates, outliers, mismatched pairs", plugins=False
    ),
    "explore": Command(api.explore, showing_search.show_explorer, "Open a page that shows clips and answers"),
    "export": Command(api.export, showing_search.show_export, "Write a store for other programs", OUT, plugins=False),
    "label": Command(api.label, showing_find.show_labelling, "Label clips by a few that have a label"),
    "events": Command(api.events, showing_find.show_events, "List events that nobody annotated", plugins=False),
    "compare": Command(
        api.compare, showing.show_comparison, "Compare methods over several seeds", folder="compare", split=split_words
    ),
    "tune": Command(api.tune, showing.show_tuning, "Search settings of a method on validation rows", folder="tune"),
    "diagnose": Command(api.diagnose, showing.show_diagnosis, "Explain what losses do to features", folder="diagnose"),
    "simulate": Command(api.simulate, showing.show_corpus, "Make a corpus of known events", OUT, plugins=False),
    "graph": Command(api.graph, showing.show_graph, "Learn a graph from a table or from soft labels"),
    "methods": Command(api.catalogue, showing.show_catalogue, "List methods, losses and what can be set"),
}
"""Each command by its name."""

for name, command in COMMANDS.items():
    app.command(name, short_help=command.line)(command.function())
