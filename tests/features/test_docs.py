"""The page runs: every Python block of docs/features.md, in order, in an empty folder."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "features.md"


def test_the_examples_of_the_page_run(tmp_path, monkeypatch, capsys):
    from overtone.features import SimulatorSettings, corpora

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(corpora, "_things", dict(corpora.items()))  # what the page registers goes with it
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)
    assert len(blocks) > 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out
    assert "audio (100, 128), visual (100, 512); no labels; 70 train, 30 test" in printed
    assert "\nFeatures(animals.npz: image (100, 64); single labels of 4 classes; 70 train, 30 test)\nTrue\n" in printed
    assert "row 0: NaN" in printed
    assert "3 rows but" in printed
    rows = dict(
        re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]*) \|", text.partition("SimulatorSettings -->")[2], flags=re.M)
    )
    assert rows == {name: default for name, _, default, _ in SimulatorSettings.table()}
