"""Tables for papers: the right numbers are bold and marked, and no name breaks a format."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overtone.core import InputError
from overtone.evaluation import evaluate
from overtone.experiments import Comparison, CorpusComparison
from overtone.report.paper import PaperCell, PaperTable, comparison_tables, evaluation_tables, result_tables
from overtone.report.paper_formats import FORMATS, check_table_file, save_tables, write_csv, write_latex, write_markdown

Document = dict[str, Any]


def with_tests(comparison: Document) -> Comparison:
    tests = [
        {"a": "best", "b": "close", "difference": 0.01, "ci95": [0.001, 0.03], "p_value": 0.04, "p_holm": 0.08},
        {"a": "best", "b": "plain", "difference": 0.2, "ci95": [0.18, 0.22], "p_value": 0.0002, "p_holm": 0.0006},
    ]
    return Comparison.from_dict(
        {**comparison, "paired_tests": tests, "chance_map": {"a2v": 0.1, "v2a": 0.1, "mean": 0.1}}
    )


def test_the_best_is_marked_and_what_is_significantly_worse_after_the_correction(comparison: Document) -> None:
    (table,) = comparison_tables(with_tests(comparison))
    assert [name for name, _ in table.rows] == ["best", "close", "plain", "chance"]
    column = table.columns.index("mAP") - 1
    marks = {name: (cells[column].best, cells[column].worse) for name, cells in table.rows}
    assert marks == {"best": (True, False), "close": (False, False), "plain": (False, True), "chance": (False, False)}
    assert table.caption.startswith("clips.h5: mean ± standard deviation over 3 seeds")
    assert "Holm" in table.caption


def test_evaluation_has_every_metric_and_the_classes() -> None:
    rows = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]
    found = evaluate(rows, rows, [0, 0, 1, 1], names=("x", "y"))
    results, classes = evaluation_tables(found, "toy")
    assert dict(results.rows)["mAP"][2].value == 1.0
    assert [name for name, _ in classes.rows] == ["0", "1"]
    assert results.columns == ("metric", "x → y", "y → x", "mean")
    assert [cells[-1].value for _, cells in classes.rows] == [2, 2]


def test_a_sample_and_diffusion_are_said_and_shown() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    found = evaluate(rows, rows, np.arange(40) % 2, queries=10, diffusion={"neighbours": 5})
    results, _, walked = evaluation_tables(found, "toy")
    assert results.caption.startswith("toy: 10 queries in each direction, drawn from 40 with seed 0; ")
    assert walked.caption.startswith("toy, after diffusion (neighbours 5, alpha 0.9, power 3, steps 100): 10 queries")
    assert found.diffusion is not None
    assert dict(walked.rows)["mAP"][2].value == found.diffusion.evaluation["map"].mean


NASTY = PaperTable(
    "results",
    "50 % of a_b & c",
    ("method", "m|n"),
    (("=cmd|' /C'!A0", (PaperCell(0.5, 0.01, (0.4, 0.6), best=True),)), ("x_{y}\\z", (PaperCell(None, worse=True),))),
)


def test_no_name_breaks_a_format() -> None:
    latex = write_latex([NASTY])
    assert "50 \\% of a\\_b \\& c" in latex
    assert "x\\_\\{y\\}\\textbackslash{}z & --" in latex
    assert "\\textbf{0.500} $\\pm$ 0.010" in latex
    markdown = write_markdown([NASTY])
    assert {line.replace("\\|", "").count("|") for line in markdown.splitlines()[2:]} == {3}
    head, first, second = csv.reader(io.StringIO(write_csv([NASTY])))
    assert first[1].startswith("'=")
    assert dict(zip(head, first))["ci95_high"] == "0.6"
    assert dict(zip(head, second))["value"] == ""
    assert dict(zip(head, second))["significantly_worse"] == "1"


def test_latex_is_well_formed(comparison: Document) -> None:
    """Braces and environments close, and every row has a cell for each column."""
    several = CorpusComparison.of({"a_b": with_tests(comparison), "50 %": with_tests(comparison)})
    latex = write_latex([*result_tables(several), NASTY])
    bare = re.sub(r"\\[\\{}&%$#_]|\\\\", "", latex)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    for word in ("table", "tabular"):
        assert latex.count(rf"\begin{{{word}}}") == latex.count(rf"\end{{{word}}}") == 4
    for columns, body in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", latex, flags=re.S):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert {re.sub(r"\\&", "", row).count("&") for row in rows} == {len(columns) - 1}


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_are_written_by_their_suffix(tmp_path: Path, comparison: Document, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    check_table_file(path)
    save_tables(comparison_tables(with_tests(comparison)), path)
    text = path.read_text()
    assert "best" in text
    assert {".tex": "\\toprule", ".md": "|---|", ".csv": "ci95_low"}[suffix] in text


def test_another_suffix_is_refused() -> None:
    with pytest.raises(InputError, match=r"unknown kind of table; got \.pdf; valid: \.tex, \.md, \.csv"):
        check_table_file(Path("t.pdf"))


def test_a_table_compiles(tmp_path: Path) -> None:
    """Whether TeX takes it, TeX alone can tell; its packages are too large to be set up for one test."""
    if (compiler := shutil.which("pdflatex")) is None:
        pytest.skip("pdflatex is not installed")
    names = (
        "hsc-mae",
        "50 % & _more_",
        "$x^2$ {a}~b\\c #1",
        "[4] a",
        "*x",
        "a|b <c>",
        "éß “q” – …",
        "λ-VAE Ω",
        "a → b ± −1 ≥ ≤",
        "-",
    )
    cells = (PaperCell(0.85, 0.012, best=True), PaperCell(0.5, None, (0.4, 0.6), worse=True), PaperCell(None))
    wide = tuple((name, cells * 3) for name in names)
    table = PaperTable("results", "clips_1.npz & [more]", ("method", *(f"column_{at}" for at in range(9))), wide)
    text = write_latex([table, NASTY])
    (tmp_path / "table.tex").write_text(text, encoding="utf-8")
    preamble = text.partition("\n")[0].removeprefix("% preamble: ")
    paper = f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n\\input{{table}}\n\\end{{document}}\n"
    (tmp_path / "paper.tex").write_text(paper)
    command = [compiler, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
    assert "Overfull" not in done.stdout
