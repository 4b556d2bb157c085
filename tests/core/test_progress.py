"""What is shown, and what is not."""

from __future__ import annotations

import io

from overtone.core import Progress, display, is_main_process


def lines(epochs, every=1000.0, label="toy"):
    stream = io.StringIO()
    with display(stream, every) as progress:
        for epoch in range(1, epochs + 1):
            progress(Progress(label, epoch, epochs, values={"loss": 1.0 / epoch}, seconds=float(epoch)))
    return stream.getvalue().splitlines()


def test_without_a_terminal_there_is_a_line_per_tenth():
    found = lines(1000)
    assert len(found) == 11
    assert found[1] == "toy: epoch 100/1000, loss 0.01, 900 s left"
    assert found[-1] == "toy: epoch 1000/1000, loss 0.001, done in 1000.0 s"


def test_without_a_terminal_long_waits_are_broken():
    assert len(lines(1000, every=0.0)) == 1000


def test_every_run_of_a_comparison_is_named():
    stream = io.StringIO()
    with display(stream, 1000.0) as progress:
        for label in ("cca, seed 0 (1/2)", "cca, seed 1 (2/2)"):
            progress(Progress(label, 0, 0))
    assert [line.split(":")[0] for line in stream.getvalue().splitlines()] == ["cca, seed 0 (1/2)", "cca, seed 1 (2/2)"]


def test_a_terminal_gets_a_bar_with_terms(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    stream = Terminal()
    with display(stream) as progress:
        for epoch in (1, 2, 3):
            progress(Progress("toy", epoch, 3, values={"loss": 0.125, "nce": 0.5}))
        progress(Progress("closed", 0, 0))
    text = stream.getvalue()
    assert "3/3" in text
    assert "loss 0.125" in text
    assert "closed" in text
    assert "1/1" in text  # work without units is one unit, done


def test_time_to_come_is_in_proportion_unless_it_is_known():
    assert Progress("x", 2, 8, seconds=3.0).seconds_left == 9.0
    assert Progress("x", 2, 8, seconds=3.0, eta=1.0).seconds_left == 1.0
    assert Progress("x", 0, 8, seconds=3.0).seconds_left == 24.0
    assert Progress("x", 8, 8, seconds=3.0).seconds_left == 0.0


def test_a_line_names_the_unit_if_there_is_one():
    assert (
        Progress("x: graph", 3, 9, "step", {"score": -12.5}, 1.0).line() == "x: graph: step 3/9, score -12.5, 2 s left"
    )
    assert Progress("images", 3, 9, "", seconds=1.0).line() == "images: 3/9, 2 s left"


def test_a_line_of_work_without_units_counts_none():
    assert Progress("cca", 0, 0, seconds=0.25).line() == "cca: done in 0.2 s"
    assert Progress("cca", 0, 0, values={"val_map": 0.5}, seconds=2.0).line() == "cca: val_map 0.5, done in 2.0 s"


def test_the_main_process_is_the_first_one(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    assert is_main_process()
    monkeypatch.setenv("RANK", "0")
    assert is_main_process()
    monkeypatch.setenv("RANK", "1")
    assert not is_main_process()
