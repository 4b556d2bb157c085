"""One meaning of labels wherever they are taken: files, arrays, evaluation, variance and losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.diagnosis import variance
from overtone.evaluation import evaluate, mean_average_precision
from overtone.features import from_arrays, inspect, load, save
from overtone.features.label_reading import codes_of, identifying, one_hot, read_labels
from overtone.objectives import build_loss

RNG = np.random.default_rng(0)
Y = np.arange(40) % 4
MISSING = Y.copy()
MISSING[::5] = -1
A = (RNG.normal(size=(40, 6)) + 2 * np.eye(4, 6)[Y]).astype("f4")
V = (RNG.normal(size=(40, 6)) + 2 * np.eye(4, 6)[Y]).astype("f4")
WORDS = np.array(["ant", "bee", "cat", "dog"])

WIDTHS = [
    f"{order}{kind}" for order in "<>" for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
]


@pytest.mark.parametrize("dtype", WIDTHS)
def test_any_width_and_byte_order_is_read_everywhere(dtype: str) -> None:
    y, wanted = Y.astype(dtype), evaluate(A, V, Y)
    assert evaluate(A, V, y).to_dict() == wanted.to_dict()
    assert evaluate(A[::-1], V[::-1], y[::-1])["map"].mean == pytest.approx(wanted["map"].mean)
    assert evaluate(A.astype(">f8"), V.astype(">f4"), y[:, None])["map"].mean == pytest.approx(wanted["map"].mean)
    assert variance(A, y) == variance(A, Y)
    assert mean_average_precision(A, V, y, Y) == mean_average_precision(A, V, Y, Y)
    loaded = from_arrays({"audio": A.astype(dtype if "f" in dtype else "f4"), "visual": V, "y": y})
    assert loaded.labels is not None
    assert loaded.labels.tolist() == Y.tolist()


NOTHING: list[Any] = [
    MISSING,
    MISSING.astype("f4"),
    np.where(MISSING < 0, np.nan, MISSING),
    np.array([None if code < 0 else int(code) for code in MISSING], dtype=object),
    np.where(MISSING < 0, 0.0, np.eye(4)[MISSING].T).T,
    np.where(MISSING < 0, np.nan, np.eye(4)[MISSING].T).T,
    np.where(MISSING < 0, -1, np.eye(4, dtype=int)[MISSING].T).T,
    np.where(MISSING < 0, "", WORDS[MISSING]),
    np.where(MISSING < 0, "  ", np.char.ljust(WORDS[MISSING], 9)),
    np.where(MISSING < 0, "", WORDS[MISSING]).astype("S"),
    [None if code < 0 else str(WORDS[code]) for code in MISSING],
    [[None] if code < 0 else [str(WORDS[code])] for code in MISSING],
    np.array([None if code < 0 else WORDS[code].encode() for code in MISSING], dtype=object),
    np.array([(code,) for code in MISSING], dtype=[("label", ">i4")]),
    torch.tensor(MISSING, dtype=torch.int16)[:, None],
]


@pytest.mark.parametrize("labels", NOTHING, ids=range(len(NOTHING)))
def test_a_missing_label_has_one_meaning(labels: Any) -> None:
    codes, _ = read_labels(labels, "y").encode()
    assert codes.tolist() == MISSING.tolist()
    wanted = evaluate(A, V, MISSING)
    found = evaluate(A, V, labels)
    assert found.skipped_queries == {"a2v": 8, "v2a": 8}
    assert found["map"].mean == wanted["map"].mean
    seen, known = variance(A, labels), variance(A, MISSING)
    assert (seen.rows, seen.unlabelled, seen.intra_variance) == (32, 8, known.intra_variance)


def test_load_and_inspect_count_what_has_no_label(tmp_path) -> None:
    for number, labels in enumerate((MISSING, np.where(MISSING < 0, "", WORDS[MISSING]))):
        np.savez(tmp_path / f"{number}.npz", audio=A, visual=V, y=labels)
        found = inspect(tmp_path / f"{number}.npz")
        assert found.labels is not None
        assert found.labels.without == 8
        assert sum(found.labels.clips.values()) == 32
        data = load(tmp_path / f"{number}.npz")
        assert data.labels is not None
        assert data.labels.tolist() == MISSING.tolist()
        assert data.targets is not None
        assert data.targets.sum(1).tolist() == (MISSING >= 0).astype(float).tolist()
        save(data, tmp_path / "again.npz")
        again = load(tmp_path / "again.npz")
        assert again.provenance.checksum == data.provenance.checksum
        assert again.class_names == data.class_names


@pytest.mark.parametrize("name", ["triplet", "contrastive", "infonce", "scl", "arcface", "ccl"])
def test_losses_take_minus_one_for_no_label(name: str) -> None:
    torch.manual_seed(0)
    loss = build_loss(name, classes=4, embedding_dim=6)
    rows = torch.from_numpy(A)
    wanted = loss(rows, torch.from_numpy(MISSING)).item()
    assert np.isfinite(wanted)
    for dtype in (torch.int8, torch.int32, torch.float32):
        labels = torch.from_numpy(MISSING).to(dtype)
        if dtype == torch.float32:
            if name in ("arcface",):  # it takes one class a row
                continue
            labels = torch.from_numpy(one_hot(MISSING, 4))
        assert loss(rows, labels).item() == pytest.approx(wanted, rel=1e-5)
    assert loss(rows, torch.from_numpy(MISSING)[:, None]).item() == wanted


def test_a_module_of_another_library_does_not_see_rows_without_a_label() -> None:
    class Recorder(torch.nn.Module):
        def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            assert labels.min() >= 0
            return embeddings.square().mean() * len(labels)

    assert float(build_loss(Recorder())(torch.ones(40, 6), torch.from_numpy(MISSING))) == 32.0


def test_a_column_is_classes_unless_one_class_is_named() -> None:
    column = (Y % 2)[:, None]
    two = from_arrays({"audio": A, "visual": V, "labels": column})
    assert two.class_names == ("0", "1")
    assert two.labels is not None
    assert int((two.labels < 0).sum()) == 0
    one = from_arrays({"audio": A, "visual": V, "labels": column, "class_names": ["bark"]})
    assert one.class_names == ("bark",)
    assert one.labels is not None
    assert int((one.labels < 0).sum()) == 20


def test_names_match_without_their_blanks_and_large_numbers_are_names() -> None:
    padded = from_arrays({"audio": A, "visual": V, "y": np.char.ljust(WORDS[Y], 8), "class_names": WORDS})
    assert padded.labels is not None
    assert padded.labels.tolist() == Y.tolist()
    codes, names = read_labels(Y.astype("u8") + np.uint64(2**63), "y").encode()
    assert codes.tolist() == Y.tolist()
    assert names[0] == str(2**63)


def test_what_looks_wrong_is_said(tmp_path) -> None:
    words = np.where(MISSING < 0, "None", WORDS[MISSING])
    cases = {
        "8 rows have the class 'None'": words,
        "all clips are of one class.*rows of -1 are without a label": np.where(Y < 2, -1, 1),
        "100% of the pairs of clips share a class.*--label-threshold 0.5": np.full((40, 4), 0.25),
    }
    for message, labels in cases.items():
        warnings = " ".join(from_arrays({"audio": A, "visual": V, "y": labels}).provenance.warnings)
        assert len(warnings) < 400
        with pytest.raises(AssertionError, match=message):
            raise AssertionError(warnings)
    nothing = from_arrays({"audio": A, "visual": V, "y": np.full(40, -1)})
    assert nothing.labels is None
    assert any("no clip has a label" in note for note in nothing.provenance.notes)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.where(Y == 3, -2, Y), r"y, row 3: label out of range \(10 such rows\); got -2"),
        (np.where(Y == 3, np.inf, Y), r"row 3: label out of range .*got inf"),
        (np.where(np.eye(4)[Y] > 0, 1, -1), r"row 0: label out of range \(40 such rows\)"),
        (Y * 1j, "not labels; got .*complex"),
        (np.array([{"a": 1}] * 40, dtype=object), "row 0: labels mix other objects"),
        (np.zeros((40, 0)), "not labels"),
        ("cat", "not labels"),
    ],
)
def test_what_cannot_be_read_is_named(labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_labels(labels, "y")
    assert len(str(caught.value)) < 300


def test_class_codes_and_targets_are_two_forms_of_one() -> None:
    targets = one_hot(MISSING, 4)
    assert np.array_equal(codes_of(targets), MISSING)
    assert codes_of(np.array([[1, 1], [0, 0]])) is None
    assert np.array_equal(identifying(MISSING, 4), targets)
    assert np.array_equal(identifying(MISSING, 2**22), MISSING)


def test_many_classes_need_no_matrix() -> None:
    import tracemalloc

    rows = 5000
    y = np.arange(rows)
    a = RNG.normal(size=(rows, 8)).astype("f4")
    tracemalloc.start()
    found = evaluate(a, a, y, bootstrap=0, memory_mb=32)
    data = from_arrays({"audio": a, "visual": a[:, ::-1].copy(), "y": y})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found["map"].mean == pytest.approx(1.0)
    assert data.classes == rows
    assert peak < 48 << 20  # the targets alone would be 100 MB


OBJECTS: list[Any] = [
    np.array([None if code < 0 else str(WORDS[code]) for code in MISSING], dtype=object),
    [float("nan") if code < 0 else str(WORDS[code]) for code in MISSING],
    np.ma.masked_array(WORDS[MISSING], MISSING < 0),
]


@pytest.mark.parametrize("labels", [*NOTHING[3:4], *OBJECTS, np.ma.masked_array(Y, MISSING < 0)], ids=range(5))
def test_objects_and_masks_in_memory_are_read_as_what_they_hold(labels: Any) -> None:
    data = from_arrays({"audio": A, "visual": V, "y": labels})
    assert data.labels is not None
    assert data.labels.tolist() == MISSING.tolist()
    assert evaluate(A, V, labels)["map"].mean == evaluate(A, V, MISSING)["map"].mean


def test_what_a_mask_hides_of_features_is_missing() -> None:
    masked = np.ma.array(A, mask=False)
    masked.data[3] = 9999
    masked[3] = np.ma.masked
    with pytest.raises(InputError, match="key 'audio', row 3: NaN"):
        from_arrays({"audio": masked, "visual": V})
    assert from_arrays({"audio": masked, "visual": V}, missing="nan").has("audio").logical_not().nonzero().tolist() == [
        [3]
    ]


def test_files_of_objects_are_still_never_loaded(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", audio=A, visual=V, y=OBJECTS[0])
    with pytest.raises(InputError, match=r"holds Python objects \(a pickle\), which are never loaded"):
        load(tmp_path / "a.npz")
