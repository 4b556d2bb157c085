"""What is shown, and what is not."""

from __future__ import annotations

import io

from overtone.training import Report, display, train


def lines(epochs, every=1000.0, label="toy"):
    stream = io.StringIO()
    with display(stream, every) as progress:
        for epoch in range(1, epochs + 1):
            progress(Report(label, epoch, epochs, {"loss": 1.0 / epoch}, float(epoch), float(epochs - epoch)))
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
            progress(Report(label, 0, 0))
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
            progress(Report("toy", epoch, 3, {"loss": 0.125, "nce": 0.5}))
        progress(Report("closed", 0, 0))
    text = stream.getvalue()
    assert "3/3" in text
    assert "loss 0.125" in text
    assert "closed" in text


def test_the_loop_reports_every_epoch_once(data):
    seen = []
    train("toy", data, settings={"select": "correlation"}, progress=seen.append, label="mine")
    assert [report.epoch for report in seen] == [1, 2, 3, 4, 5, 6]
    assert {report.label for report in seen} == {"mine"}
    assert set(seen[-1].terms) == {"loss", "nce", "pull", "val_correlation"}
    assert seen[-1].eta == 0.0
    assert seen[0].eta > 0.0
    seen.clear()
    train("toy-closed", data, progress=seen.append)
    assert [(report.epoch, report.epochs) for report in seen] == [(0, 0)]
