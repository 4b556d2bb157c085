"""The commands do their work: from a file of features to a run, embeddings, an evaluation, a table and reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import overtone

from .conftest import Cli, clips

FAST = ["--set", "epochs=3"]
METRICS = (
    "map",
    "map_running",
    "map@r",
    "ndcg",
    "recall@1",
    "recall@5",
    "recall@10",
    "instance_recall@1",
    "median_rank",
)


def test_training_warns_of_a_space_that_is_no_better_than_chance(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    split = np.repeat(["train", "test"], (160, 240))
    np.savez(tmp_path / "noise.npz", audio=draw.normal(size=(400, 8)), visual=draw.normal(size=(400, 8)), split=split)
    warning = "Warning: The true counterpart is among the first 10 items about as often ("
    assert warning in cli("train", "cca", "noise.npz", "--out", "noise").out
    assert warning not in cli("train", "cca", corpus, "--out", "run").out
    assert warning[9:] in (tmp_path / "noise" / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def run(cli: Cli, corpus: Path) -> str:
    """A run of dcca on the good corpus."""
    called = cli("train", "dcca", corpus, "--out", "run", "--seed", "1", *FAST)
    assert called.code == 0, called.err
    return "run"


def test_train_writes_a_whole_run_folder(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    called = cli("train", "dcca", corpus, "--out", "run", "--json", *FAST)
    assert called.code == 0, called.err
    document = called.document
    assert document["method"] == "dcca"
    assert document["run"] == "run"
    assert document["evaluation"]["queries"] == 120
    written = {path.name for path in (tmp_path / "run").iterdir()}
    files = {"settings.yaml", "run.json", "metrics.csv", "metrics.jsonl", "weights.safetensors", "scalers.safetensors"}
    assert files | {"evaluation.json", "report.html"} <= written
    html = (tmp_path / document["report"]).read_text(encoding="utf-8")
    assert "dcca" in html
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["map"] == document["evaluation"]["map"]


def test_train_for_people_says_the_numbers_and_where_things_are(cli: Cli, corpus: Path) -> None:
    called = cli("train", "cca", corpus, "--out", "run")
    assert "mAP" in called.out
    assert "audio →" in called.out
    assert "run/report.html" in called.out


def test_settings_of_file_and_options_meet(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text("epochs: 2\nbatch_size: 90\nseed: 5\n", encoding="utf-8")
    cli("train", "dcca", corpus, "--out", "run", "--config", "some.yaml", "--set", "epochs=3", "--seed", "7")
    run = overtone.training.Run.load("run")
    assert {key: run.settings[key] for key in ("epochs", "batch_size", "seed")} == {
        "epochs": 3,
        "batch_size": 90,
        "seed": 7,
    }


def test_settings_of_a_run_make_the_same_run(cli: Cli, corpus: Path, run: str) -> None:
    first = cli("evaluate", run, corpus, "--json").document
    cli("train", "dcca", corpus, "--out", "again", "--config", f"{run}/settings.yaml")
    assert cli("evaluate", "again", corpus, "--json").document == first


def test_a_run_is_not_overwritten_by_accident(cli: Cli, corpus: Path, run: str) -> None:
    again = ["train", "dcca", corpus, "--out", run, "--seed", "1", *FAST]
    refused = cli(*again)
    assert refused.code == 2
    assert "--resume" in refused.err
    assert "--overwrite" in refused.err
    assert cli(*again, "--resume").code == 0
    assert cli(*again, "--overwrite").code == 0


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".parquet", ".safetensors"])
def test_embeddings_in_a_file_evaluate_as_the_run_does(cli: Cli, corpus: Path, run: str, suffix: str) -> None:
    embedded = cli("embed", run, corpus, "--out", f"e{suffix}", "--json")
    assert embedded.code == 0, embedded.err
    shapes = embedded.document["embeddings"]
    assert shapes["audio"] == shapes["visual"]
    assert shapes["audio"][0] == 300
    by_file = cli("evaluate", f"e{suffix}", "--json").document
    by_run = cli("evaluate", run, corpus, "--json").document
    assert by_file["queries"] == by_run["queries"] == 120
    for metric in METRICS:
        for way in ("a2v", "v2a", "mean"):
            assert by_file[metric][way] == pytest.approx(by_run[metric][way], abs=1e-6)


def test_embeddings_are_plain_arrays_without_pickles(cli: Cli, corpus: Path, run: str) -> None:
    cli("embed", run, corpus, "--out", "e.npz")
    with np.load("e.npz", allow_pickle=False) as arrays:
        np.testing.assert_allclose(np.linalg.norm(arrays["audio"], axis=1), 1.0, rtol=1e-5)
        assert len(arrays["ids"]) == 300


def test_unknown_suffix_is_refused_before_anything_is_written(cli: Cli, corpus: Path, run: str) -> None:
    called = cli("embed", run, corpus, "--out", "e.csv")
    assert called.code == 2
    assert ".npz" in called.err
    assert not Path("e.csv").exists()


def test_embedding_other_features_is_refused(cli: Cli, run: str) -> None:
    called = cli("embed", run, "split-digits", "--out", "e.npz", "--modalities", "left,right")
    assert called.code == 2
    assert "audio" in called.err
    assert "left" in called.err


def test_evaluate_has_the_promised_document(cli: Cli, corpus: Path, run: str) -> None:
    found = cli("evaluate", run, corpus, "--json").document
    assert [metric for metric in METRICS if not {"a2v", "v2a", "mean"} <= found[metric].keys()] == []
    low, high = found["map"]["ci95"]
    assert low <= found["map"]["mean"] <= high
    assert set(found["per_class"]) == {"0", "1", "2"}
    shown = cli("evaluate", run, corpus)
    assert "mAP by chance" in shown.out
    assert "mAP per class" in shown.out


def perfect(**more: Any) -> dict[str, Any]:
    """Embeddings in which every clip is next to its partner and its class."""
    y = np.arange(30) % 3
    rows = np.eye(3)[y] + 0.05 * np.random.default_rng(0).standard_normal((30, 3))
    return {"audio": rows, "visual": rows, "y": y, **more}


def test_diffusion_stands_beside_the_plain_figures(cli: Cli, corpus: Path, run: str) -> None:
    plain = cli("evaluate", run, corpus, "--json").document
    found = cli(
        "evaluate", run, corpus, "--diffusion", "--set", "neighbours=5", "--set", "alpha=0.5", "--json"
    ).document
    block = found.pop("diffusion")
    assert found == plain
    assert block["settings"] == {"neighbours": 5, "alpha": 0.5, "power": 3.0, "steps": 100}
    assert set(METRICS) <= block["evaluation"].keys()
    shown = cli("evaluate", run, corpus, "--diffusion")
    assert shown.out.count("counterpart R@5") == 2
    assert "after diffusion (neighbours 10, alpha 0.9" in shown.out
    assert "diffusion" not in cli("evaluate", run, corpus).out
    cli("embed", run, corpus, "--out", "e.npz")
    by_file = cli("evaluate", "e.npz", "--diffusion", "--set", "neighbours=5", "--set", "alpha=0.5", "--json").document
    assert by_file["diffusion"] == block


def test_settings_without_diffusion_and_wrong_ones_are_refused(cli: Cli, corpus: Path, run: str) -> None:
    called = cli("evaluate", run, corpus, "--set", "neighbours=5")
    assert called.code == 2
    assert "--diffusion" in called.err
    called = cli("evaluate", run, corpus, "--diffusion", "--set", "neighbors=5")
    assert called.code == 2
    assert "did you mean 'neighbours'" in called.err


def test_embeddings_without_a_split_are_evaluated_whole(cli: Cli) -> None:
    np.savez("e.npz", **perfect())
    found = cli("evaluate", "e.npz", "--json").document
    assert found["queries"] == 30
    assert found["map"]["mean"] == pytest.approx(1.0)
    assert found["instance_recall@1"]["mean"] == pytest.approx(1.0)


def test_embeddings_with_a_split_are_evaluated_on_its_test_rows(cli: Cli) -> None:
    np.savez("e.npz", **perfect(is_test=np.arange(30) < 12))
    assert cli("evaluate", "e.npz", "--json").document["queries"] == 12
    assert cli("evaluate", "e.npz", "--split", "all", "--json").document["queries"] == 30
    assert cli("evaluate", "e.npz", "--split", "train", "--json").document["queries"] == 18


def test_other_names_and_no_labels(cli: Cli) -> None:
    arrays = perfect()
    np.savez("e.npz", image=arrays["audio"], text=arrays["visual"])
    called = cli("evaluate", "e.npz", "--modalities", "image,text", "--json")
    assert called.code == 0, called.err
    assert called.document["modalities"] == ["image", "text"]
    assert "map" not in called.document
    assert called.document["median_rank"]["mean"] == 1.0


def test_embeddings_are_evaluated_on_the_split_they_bring_and_whole_without_one(cli: Cli) -> None:
    first, second = perfect()["audio"], perfect()["visual"]
    named = {"made a 70/30 split": first, "b": second}  # a name that ends up in the notes decides nothing
    np.savez("brought.npz", **named, is_test=np.arange(len(first)) % 4 == 0)
    np.savez("made.npz", **named)
    for file, queries in (("brought.npz", len(first[::4])), ("made.npz", len(first))):
        assert cli("evaluate", file, "--json").document["queries"] == queries


def test_the_split_of_data_without_one_does_not_move_with_the_seed(cli: Cli) -> None:
    arrays = clips(300)
    del arrays["is_test"]
    np.savez("clips.npz", **arrays)
    called = cli("train", "cca", "clips.npz", "--out", "run", "--seed", "3", "--json")
    assert "70/30 split" in called.err
    assert cli("evaluate", "run", "clips.npz", "--json").document["map"] == called.document["evaluation"]["map"]
    other = cli("evaluate", "run", "clips.npz", "--data-seed", "1", "--json").document
    assert other["map"] != called.document["evaluation"]["map"]


def test_methods_lists_and_explains(cli: Cli) -> None:
    listed = cli("methods", "--json").document
    assert {"hsc-mae", "cca", "dcca", "infonce", "cav-mae"} <= listed.keys()
    assert all(listed.values())
    shown = cli("methods", "hsc-mae")
    assert "epochs" in shown.out
    parts = cli("methods", "hsc-mae", "--json").document
    assert all(row["description"] for rows in parts.values() for row in rows)


def test_verbs_are_there_in_python(corpus: Path, tmp_path: Path) -> None:
    assert set(overtone.__all__) <= set(dir(overtone))
    data = overtone.load(corpus)
    run = overtone.train("cca", data, out=tmp_path / "run")
    assert (tmp_path / "run" / "report.html").is_file()
    embeddings = overtone.embed(tmp_path / "run", corpus, out=tmp_path / "e.npz")
    assert embeddings["audio"].shape == run.embed(data)["audio"].shape
    assert overtone.evaluate(tmp_path / "e.npz").to_dict()["queries"] == 120
    assert overtone.evaluate(run, data)["map"] == run.evaluation["map"]
    table = overtone.compare(["cca"], data, seeds=1)
    assert table.to_dict()["seeds"] == [0]
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = overtone.trian


def test_rooms_of_use_alone_are_there_after_a_bare_import() -> None:
    code = "import overtone; print(overtone.diagnosis.variance([[1, 0], [0, 1]], [0, 1]).intra_variance)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout.strip(), ran.stderr) == ("0.0", "")


def test_losses_are_listed_with_their_settings_and_the_budget(cli: Cli) -> None:
    parts = cli("methods", "--losses", "--json").document
    assert {"triplet", "infonce", "budget"} <= set(parts)
    assert "margin" in {row["name"] for row in parts["triplet"]}
    assert all("Undefined" not in row["default"] for rows in parts.values() for row in rows)
    assert set(cli("methods", "--losses", "triplet", "--json").document) == {"triplet", "budget"}
    wrong = cli("methods", "--losses", "triplett")
    assert wrong.code == 2
    assert "did you mean 'triplet'" in wrong.err


def test_evaluate_by_the_values_of_a_column(cli: Cli, corpus: Path) -> None:
    speakers = "\n".join(["id,speaker", *(f"{row},{'anna' if row % 2 else 'ben'}" for row in range(300))])
    Path("clips.csv").write_text(speakers + "\n")
    cli("train", "cca", "clips.npz", "--out", "run")
    words = ("evaluate", "run", "clips.npz", "--metadata", "clips.csv", "--group-by")
    called = cli(*words, "speaker", "--json", "--table", "t.csv")
    assert called.code == 0, called.err
    values = called.document["groups"]["values"]
    assert {name: group["queries"] for name, group in values.items()} == {"anna": 60, "ben": 60}
    assert "mAP by speaker" in called.err
    assert "groups,anna" in Path("t.csv").read_text()
    refused = cli(*words, "speeker")
    assert (refused.code, "did you mean 'speaker'" in refused.err) == (2, True)
    assert "--metadata" in cli("evaluate", "run", "clips.npz", "--group-by", "speaker").err
