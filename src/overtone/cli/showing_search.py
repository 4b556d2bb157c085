"""What `index`, `search` and `explore` show: the store, a table of hits for each query, the address of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overtone.cli.output import Output, Terminated
from overtone.cli.tables import table
from overtone.report.words import duration, number, percent, plural

if TYPE_CHECKING:
    from rich.table import Table

    from overtone.explorer import Explorer
    from overtone.search import Indexing, QueryHits, SearchResult

_SHOWN = 10  # queries whose hits are shown
_MEDIA = "media_"


def show_indexing(output: Output, found: Indexing, arguments: Mapping[str, Any]) -> None:
    """How many items were written, and what the store holds now."""
    output.document(found.to_dict())
    store = found.store
    vectors = ", ".join(f"{name} ({width})" for name, width in store.modalities.items())
    written = f"{found.written:,} written in {duration(found.seconds)}"
    output.say(f"Store: {store.uri} ({plural(store.items, 'item')}, {written})")
    output.say(f"Vectors: {vectors}. Columns: {', '.join(store.columns) or 'none'}.")

    if found.audit is not None:
        rows = [
            (one.to, one.where or "none", number(one.items), number(one.recall), percent(one.short))
            for one in found.audit.searches
        ]
        heads = ("modality", "filter", "items", f"recall@{found.audit.k}", "short\nanswers")
        output.say("", table(heads, rows, names=2), found.audit.verdict)


def show_export(output: Output, found: Sequence[Path], arguments: Mapping[str, Any]) -> None:
    """Which files were written."""
    output.document({"store": str(arguments["store"]), "out": [str(path) for path in found]})
    output.say(*(f"Written: {path}" for path in found))


def show_search(output: Output, found: SearchResult, arguments: Mapping[str, Any]) -> None:
    """A table for each query, and what its scores mean."""
    output.document(found.to_dict())
    way = f"{_joined(found.from_modality)} → {_joined(found.to_modality)}"
    for one in found.queries[:_SHOWN]:
        output.say(f"Nearest to {one.query}, {way}:", _hits_table(one) if one.hits else "nothing.")
    if len(found.queries) > _SHOWN:
        output.say(f"... and {plural(len(found.queries) - _SHOWN, 'query', 'queries')} more; --json has all of them.")
    among = plural(found.items, "item") + (f" with {found.where}" if found.where else "")
    output.say(f"Searched {among} in {duration(found.seconds)}.")
    if found.chance is not None:
        chance = f"{number(found.chance.mean)} ± {number(found.chance.std)}"
        output.say(f'Random pairs score {chance}; "above chance" counts these standard deviations above their mean.')


def _joined(names: tuple[str, ...]) -> str:
    return " + ".join(names)


def _hits_table(one: QueryHits) -> Table:
    """A row per hit: score, score above chance, label and media where the store has them; one file is shown once."""
    columns = [name for name in one.hits[0].metadata if name != "split"]
    media = [name for name in columns if name.startswith(_MEDIA)]
    again = [name for name in media[1:] if all(hit.metadata.get(name) == hit.metadata[media[0]] for hit in one.hits)]
    columns = [name for name in columns if name not in again]
    rows, links = [], {}
    for at, hit in enumerate(one.hits):
        cells = [_cell(hit.metadata.get(name), path=name in media) for name in columns]
        rows.append((str(at + 1), hit.id, number(hit.score), _above(hit.above_chance), *cells))
        for column, name in enumerate(columns, start=4):
            value = hit.metadata.get(name)
            if name.startswith(_MEDIA) and isinstance(value, str):
                address = _address(value)
                if address:
                    links[at, column] = address
    named = ("media" if again and name == media[0] else name.removeprefix(_MEDIA) for name in columns)
    heads = ("", "id", "score", "above\nchance", *named)
    return table(heads, rows, names=2, links=links)


def _cell(value: str | float | None, *, path: bool) -> str:
    """A value of metadata; a path into the working folder is shown from there."""
    if path and isinstance(value, str) and Path(value).is_relative_to(Path.cwd()):
        return str(Path(value).relative_to(Path.cwd()))
    if isinstance(value, (bool, str)):
        return str(value)
    return number(value)


def _above(value: float | None) -> str:
    return f"{value:+.1f} σ".replace("-", "−") if value is not None else number(None)


def _address(path: str) -> str | None:
    """The address of a media file that is there, for terminals that open it on a click."""
    if "://" in path:
        return path
    return Path(path).resolve().as_uri() if Path(path).exists() else None


def show_explorer(output: Output, explorer: Explorer, arguments: Mapping[str, Any]) -> None:
    """Where the page is; ends with the server, which Ctrl-C ends."""
    runs = [str(arguments[name]) for name in ("run", "other") if arguments.get(name) is not None]
    output.document({"url": explorer.url, "runs": runs, "clips": len(explorer.session.clips)})
    output.say(f"Explorer (open it in a browser): {explorer.url}", "Ctrl-C ends it.")
    output.finish()  # whoever reads the document needs the address now
    try:
        explorer.wait()
    except Terminated:
        raise
    except KeyboardInterrupt:
        output.say("")
    finally:
        explorer.close()
