"""The verb that opens the explorer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from typing_extensions import Unpack

from overtone.api.indexing import index
from overtone.api.parameters import Flag, PairReading, Param
from overtone.api.reading import log, read
from overtone.api.running import is_run, require_run
from overtone.api.searching import search_store
from overtone.core import InputError, ProgressCallback
from overtone.core.arguments import checks_types
from overtone.core.progress import shows_progress
from overtone.core.sources import expand_home

if TYPE_CHECKING:
    from overtone.explorer import Explorer
    from overtone.features import PairedFeatures
    from overtone.search import SearchResult, Store
    from overtone.training import Run


@checks_types
@shows_progress
def explore(
    run: Annotated[str | Path | Run, Param("RUN")],
    other: Annotated[str | Path | Run | None, Param("RUN2")] = None,
    *,
    data: Annotated[str | Path | PairedFeatures | None, Param("DATA", option="--data")] = None,
    store: Annotated[str | Path | None, Param("URI")] = None,
    media: Annotated[str | Path | Sequence[str | Path], Param("FOLDER", many=True)] = (),
    diagnosis: Annotated[str | Path | None, Param("FOLDER")] = None,
    host: Annotated[str, Param("ADDRESS")] = "127.0.0.1",
    port: Annotated[int | None, Param("N", minimum=0)] = None,
    no_browser: Flag = False,
    device: Annotated[str, Param("NAME")] = "cpu",
    progress: ProgressCallback | None = None,
    **reading: Unpack[PairReading],
) -> Explorer:
    """Open a page that shows the clips of a RUN: a map of both modalities, neighbours, media, lists, graph, training.

    The page shows the clips of the run's store; where there is none yet, the run's data are indexed first. It is served
    on this machine only and loads nothing from elsewhere. In a notebook the result shows itself.

    Args:
        run: The folder of a finished run. In Python also a run.
        other: A second run, to be compared on the same clips.
        data: The clips, where they are not those that the run was trained on.
        store: The store of the first run, if not the folder RUN/store.
        media: A folder whose files may be shown; may be repeated. Without it no media are shown.
        diagnosis: A folder of overtone diagnose, which the view Losses shows; by default RUN/diagnosis, if it is there.
        host: The address to listen on; any but 127.0.0.1 needs the token in the printed address.
        port: The port; by default 8765, or a free one.
        no_browser: Do not open a browser.
        device: Where to embed: cpu, cuda, cuda:1 or auto.
        progress: Called after each block of items that are indexed.
        reading: How to read the data; see :func:`overtone.load`.

    Returns:
        The explorer, which answers until it is closed.

    Raises:
        InputError: A run, the data, the store or a folder cannot be used, or the address cannot be listened on.
    """
    for one in (run,) if other is None else (run, other):
        _check_run(one)
    folders = [expand_home(one) for one in ([media] if isinstance(media, (str, Path)) else media)]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no folder", fix="name the folder that the media are in: --media")
    shown = None if diagnosis is None else _check_diagnosis(diagnosis)
    from overtone.explorer import Explorer, open_session
    from overtone.search import open_store, store_exists
    from overtone.search.origin import check_origin
    from overtone.training import Run

    runs = [one if isinstance(one, Run) else Run.load(one, device) for one in (run, other) if one is not None]
    with ExitStack() as opened:
        places = [_place(one, None if number else store, opened) for number, one in enumerate(runs)]
        source = data if data is not None else _indexed_source(places[0]) or runs[0].info["data"]["source"]

        @cache
        def read_data() -> PairedFeatures:
            return read(source, {"modalities": runs[0].modalities, **reading}, splits=False)

        def ask_file(store: Store, run: Run, path: Path, k: int) -> SearchResult:
            return search_store(store, query=path, run=run, k=k, device=device)

        stores = []
        for one, place in zip(runs, places):
            _check_asked(place, data, reading)
            if not store_exists(place):
                log.info("%s: the clips are indexed first, as overtone index does", place)
                index(one, read_data(), store=place, progress=progress)
            stores.append(opened.enter_context(open_store(place)))
            check_origin(stores[-1], one)
        session = open_session(
            list(zip(runs, stores)), media=folders, read_data=read_data, ask_file=ask_file, diagnosis=shown
        )
        explorer = Explorer(session, host, port)
        explorer.closing.push(opened.pop_all())
    if not no_browser:
        import webbrowser

        webbrowser.open(explorer.url)
    return explorer


def _check_run(run: str | Path | Run) -> None:
    """Refuse what is no run before torch is imported.

    Raises:
        InputError: It is a folder of something else.
    """
    if isinstance(run, (str, Path)) and (Path(run) / "diagnosis.json").is_file() and not is_run(run):
        fix = f"show it with a run on the same data: overtone explore RUN --diagnosis {run}"
        raise InputError(f"{run}: a diagnosis of losses, not a run", fix=fix)
    require_run(run)


def _check_diagnosis(folder: str | Path) -> Path:
    """The folder of a diagnosis.

    Raises:
        InputError: There is none in it.
    """
    from overtone.experiments import Diagnosis

    Diagnosis.load(folder)
    return expand_home(folder)


def _place(run: Run, store: str | Path | None, opened: ExitStack) -> str | Path:
    """Where the store of a run's embeddings is, or will be; of a run without a folder, as long as it is explored."""
    from overtone.search.opening import DEFAULT

    if store is not None:
        return store
    if run.folder is None:
        return Path(opened.enter_context(TemporaryDirectory())) / DEFAULT
    return run.folder / DEFAULT


def _indexed_source(place: str | Path) -> str | None:
    """What the clips of a store were read from; None if it is not there, or does not know."""
    from overtone.search import open_store, store_exists

    if not store_exists(place):
        return None
    with open_store(place) as store:
        return store.info().attributes.get("source")


def _check_asked(place: str | Path, data: str | Path | PairedFeatures | None, reading: PairReading) -> None:
    """Whether a store has what is asked for: the clips of some data, and further columns.

    Raises:
        InputError: It was made before, of other data or without these columns.
    """
    source, again = _indexed_source(place), "index them: overtone index RUN DATA --overwrite, or name a new --store"
    if source is None:
        return
    if isinstance(data, (str, Path)) and str(data) != source:
        raise InputError(f"{place}: holds the clips of {source}", got=data, fix=again)
    if reading.get("metadata") is not None:
        raise InputError(f"{place}: is there already, and gets no further columns", got=reading["metadata"], fix=again)
