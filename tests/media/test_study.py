"""The study of media: the folder that it makes of the stamps, and its table."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from overtone.evaluation import evaluate

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import study_media as study


def write_stamp(root: Path, name: str, *, words: str | None = "Un hibou.", speech: bool = True) -> None:
    stem = root / name
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".png").write_bytes(b"picture")
    lines = ["An owl.", "fy.utf8=In ûle.", *([f"fr.utf8={words}"] if words is not None else [])]
    stem.with_suffix(".txt").write_text("\n".join(lines), encoding="utf-8")
    if speech:
        stem.with_name(f"{stem.name}_desc_fr.ogg").write_bytes(b"speech")


def test_stamps_become_a_folder_of_classes(tmp_path: Path) -> None:
    """Without those that lack a medium; the top folder is the class, whatever lies between."""
    stamps = tmp_path / "stamps"
    write_stamp(stamps, "animals/birds/owl")
    write_stamp(stamps, "animals/birds/cartoon/owl")
    write_stamp(stamps, "food/nut", words=None)
    write_stamp(stamps, "food/cake", speech=False)
    found = study.link_stamps(stamps, tmp_path / "fr", "fr")
    names = ["birds-cartoon-owl", "birds-owl"]
    wanted = [f"animals/{name}.{suffix}" for name in names for suffix in ("ogg", "png", "txt")]
    assert sorted(path.relative_to(found).as_posix() for path in found.rglob("*.*")) == wanted
    assert (found / "animals" / "birds-owl.png").read_bytes() == b"picture"
    assert (found / "animals" / "birds-owl.txt").read_text(encoding="utf-8") == "Un hibou."


def test_words_of_a_language() -> None:
    assert study.read_words(Path("nowhere.txt"), "fr") == ""


def test_table_has_chance_beside_each_score() -> None:
    rows = np.eye(20)
    evaluation = evaluate(rows, rows, np.arange(20) % 4, bootstrap=0)
    page = study.tables({"picture-french": {"cca": study.Measured([evaluation, evaluation])}})
    row = page.splitlines()[2]
    assert "| picture, French speech | `cca` |" in row
    assert "1.000 ± 0.000 (0.050)" in row
    assert "1.000 ± 0.000 (0.500)" in row


def test_rows_that_were_not_measured_stay() -> None:
    rows = np.eye(20)
    measured = {"cca": study.Measured([evaluate(rows, rows, np.arange(20) % 4, bootstrap=0)])}
    before = study.tables(dict.fromkeys(("picture-french", "picture-words"), measured))
    after = study.tables({"picture-russian": measured}, f"text\n{before}")
    titles = [line.split(" | ")[0].strip("| ") for line in after.splitlines()[2:] if line]
    assert titles == ["picture, French speech", "picture, Russian speech", "picture, French words"]
    assert set(before.splitlines()) <= set(after.splitlines())
