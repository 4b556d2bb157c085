"""Runs cases, each in a child of a process that has imported everything: what crashes or hangs ends alone."""

from __future__ import annotations

import contextlib
import io
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from fuzz.cases import make_case, prepare

SECONDS = 10
"""Of computing that a case may take."""
WAITING = 40.0
"""Seconds until a case is taken to wait for something that does not come, on a busy machine."""
MEMORY = 1536
"""MiB that a case may take at its peak."""
_ROOM = 3 << 30
"""Bytes of address space beyond what the imports take: a case that wants more is refused it by the system."""
_BROKEN = 99
_MODULES = "modules.txt"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@dataclass
class Outcome:
    """How one case ended."""

    seed: int
    kind: str
    words: list[str]
    code: int
    seconds: float
    mib: float
    said: str
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"seed {self.seed}: {'; '.join(self.wrong)}: overtone {self.words}: {self.said[-400:]!r}"


@dataclass
class Summary:
    """What came of all cases."""

    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def wrong(self) -> list[Outcome]:
        """Cases that did not end as they should."""
        return [one for one in self.outcomes if one.wrong]

    def __str__(self) -> str:
        codes = Counter(one.code for one in self.outcomes)
        kinds = Counter(one.kind for one in self.outcomes)
        slowest = max(self.outcomes, key=lambda one: one.seconds)
        largest = max(self.outcomes, key=lambda one: one.mib)
        seeds = [one.seed for one in self.outcomes]
        return "\n".join(
            (
                f"{len(self.outcomes)} inputs, seeds {min(seeds)} to {max(seeds)}",
                "kinds: " + ", ".join(f"{name} {count}" for name, count in sorted(kinds.items())),
                "exit codes: " + ", ".join(f"{code}: {count}" for code, count in sorted(codes.items())),
                f"slowest: {slowest.seconds:.1f} s (seed {slowest.seed}, overtone {' '.join(slowest.words)[:80]})",
                f"largest: {largest.mib:.0f} MiB (seed {largest.seed}, overtone {' '.join(largest.words)[:80]})",
                f"wrong: {len(self.wrong)}",
                *map(str, self.wrong),
            )
        )


def run(seeds: Iterable[int], jobs: int = 1, report: int = 0, kinds: Collection[str] | None = None) -> Summary:
    """Run the cases of some seeds.

    Args:
        seeds: One per case.
        jobs: How many run at a time.
        report: Say how far it is after so many cases; 0 for never.
        kinds: Of cases; None for all.
    """
    import torch
    import transformers  # noqa: F401

    from overtone.cli import app as app  # everything is imported once

    torch.set_num_threads(1)
    _import_all()
    summary = Summary()
    with tempfile.TemporaryDirectory(prefix="overtone-fuzz-") as place:
        base, cases = Path(place) / "base", Path(place) / "cases"
        base.mkdir()
        cases.mkdir()
        _prepare(base)
        _warm_up(base)
        running: dict[int, tuple[int, float]] = {}
        waiting, ended = iter(seeds), threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())  # what is done by then is told
        while not ended.is_set():
            while len(running) < jobs and (seed := next(waiting, None)) is not None:
                running[_start(seed, base, cases / str(seed), kinds)] = (seed, time.monotonic())
            if not running:
                return summary
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid:
                seed, _ = running.pop(pid)
                summary.outcomes.append(outcome := _judge(seed, cases / str(seed), status, usage))
                if outcome.wrong:
                    sys.stderr.write(f"{outcome}\n")
                if report and len(summary.outcomes) % report == 0:
                    sys.stderr.write(f"{len(summary.outcomes)} inputs, {len(summary.wrong)} wrong\n")
                continue
            for child, (_, since) in running.items():
                if time.monotonic() - since > WAITING:
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.002)
        for child in running:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return summary


def _import_all() -> None:
    """Import what commands import when they run, so that no child has to."""
    import importlib
    import pkgutil

    import overtone

    for module in pkgutil.walk_packages(overtone.__path__, "overtone."):
        if not module.name.endswith("__main__") and "milvus" not in module.name:
            importlib.import_module(module.name)


def _warm_up(base: Path) -> None:
    """Have once what every case would make anew: modules that the preparation needed, and the library of reports."""
    import importlib

    from overtone.report.page import packed_library

    for name in (base / _MODULES).read_text().split():
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    packed_library()
    _command()


@cache
def _command() -> Callable[..., object]:
    """The program, its commands built."""
    from typer.main import get_command

    from overtone.cli.app import app

    return get_command(app)


def call(words: list[str]) -> int:
    """Run the program in this process; its exit code."""
    try:
        _command()(words, prog_name="overtone")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _prepare(base: Path) -> None:
    pid = os.fork()
    if not pid:
        try:
            os.chdir(base)
            with contextlib.redirect_stdout(io.StringIO()):
                prepare(base, call)
            (base / _MODULES).write_text("\n".join(sorted(sys.modules)))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("what the cases start from cannot be made")


def _start(seed: int, base: Path, folder: Path, kinds: Collection[str] | None) -> int:
    """Begin a case in a child; its process."""
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        folder.mkdir()
        os.chdir(folder)
        os.mkdir("work")
        out, err = (os.open(name, os.O_WRONLY | os.O_CREAT, 0o600) for name in ("out", "err"))
        null = os.open(os.devnull, os.O_RDONLY)
        os.chdir("work")
        kind, words = make_case(seed, base, kinds)
        (folder / "case").write_text("\0".join([kind, *words]), encoding="utf-8", errors="surrogateescape")
        for old, new in ((null, 0), (out, 1), (err, 2)):
            os.dup2(old, new)
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + _ROOM, resource.RLIM_INFINITY))
        cpu = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(
            resource.RLIMIT_CPU, (int(cpu.ru_utime + cpu.ru_stime) + SECONDS + 1, resource.RLIM_INFINITY)
        )
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = call(words)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        (folder / "broken").write_text(traceback.format_exc())
        os._exit(_BROKEN)
    os._exit(code & 0xFF)


def _judge(seed: int, folder: Path, status: int, usage: resource.struct_rusage) -> Outcome:
    """What a case came to; its folder is removed."""
    kind, *words = (
        (folder / "case").read_text(encoding="utf-8", errors="surrogateescape").split("\0")
        if (folder / "case").exists()
        else ["?"]
    )
    out, err = (
        (folder / name).read_text(errors="backslashreplace") if (folder / name).exists() else ""
        for name in ("out", "err")
    )
    code = os.waitstatus_to_exitcode(status)
    wrong = []
    if (folder / "broken").exists():
        err += (folder / "broken").read_text()
        wrong.append("the program let an exception through" if words else "the case could not be built")
    elif code == -signal.SIGXCPU or code == -signal.SIGKILL:
        wrong.append(f"took more than {SECONDS} s")
    elif code not in (0, 2):
        wrong.append(f"ended with {code}")
    if "Traceback (most recent call last)" in err:
        wrong.append("a traceback")
    if code == 2 and not (err.strip() or "problem" in out):
        wrong.append("ended with 2 and no sentence")
    if found := _CONTROL.search(out + err):
        wrong.append(f"the control character {found[0]!r} reached the terminal")
    mib = usage.ru_maxrss / 1024
    if mib > MEMORY:
        wrong.append(f"took {mib:.0f} MiB")
    wrong += _look_at_files(folder / "work", words, code)
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
    return Outcome(seed, kind, words, code, usage.ru_utime + usage.ru_stime, mib, err[-2000:], wrong)


def _look_at_files(folder: Path, words: list[str], code: int) -> list[str]:
    """What is wrong with the files that a case wrote."""
    import numpy as np

    wrong = [f"{path.name} was left" for path in folder.rglob(".*.part*")]
    if code == 0 and words[:1] == ["embed"] and (folder / "e.npz").is_file() and words[-1] == "e.npz":
        with np.load(folder / "e.npz", allow_pickle=False) as file:
            numbers = [file[name] for name in file.files if file[name].dtype.kind == "f"]
            if not all(np.isfinite(one).all() for one in numbers):
                wrong.append("embeddings that are not finite")
    for features in (folder / "f.npz", folder / "place" / "features.npz"):
        if code == 0 and features.is_file():
            wrong += _look_at_features(features)
    if code == 0 and (folder / "g.graphml").is_file():
        import xml.etree.ElementTree as xml

        try:
            xml.parse(folder / "g.graphml")
        except xml.ParseError as error:
            wrong.append(f"g.graphml is not well-formed: {error}")
    return wrong


def _look_at_features(path: Path) -> list[str]:
    """What is wrong with features of media: a clip that is not accounted for, or numbers that are not finite."""
    import csv

    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    with path.with_name(f"{path.name}.clips.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    wrong = []
    if sum(row["in_features"] == "1" for row in rows) != len(arrays["ids"]):
        wrong.append("clips that are in the features and not in the availability manifest, or the other way round")
    for name in ("audio", "visual", "text", "image"):
        if name in arrays:
            there = arrays.get(f"present_{name}", np.ones(len(arrays[name]), bool)).astype(bool)
            if not np.isfinite(arrays[name][there]).all():
                wrong.append(f"features of {name} that are not finite")
    return wrong
