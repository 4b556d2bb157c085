"""Methods, losses and metrics from a user's own file, on the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from overtone.core import Registry
from overtone.evaluation import metrics
from overtone.methods.base import methods
from overtone.objectives import objectives

from .conftest import Cli

MINE = '''"""What somebody made."""

from overtone.evaluation import metric, metrics
from overtone.methods.base import methods
from overtone.methods.cca import CCA
from overtone.objectives import Pairs, metric_loss


@methods.register("my-cca")
class MyCCA(CCA):
    """CCA under a name of one's own."""

    name = "my-cca"


@metric_loss("my-loss")
def my_loss(pairs: Pairs, weight: float = 1.0):
    """How far apart rows of a class are."""
    return weight * (pairs.positive * (1 - pairs.cosines())).sum() / pairs.positive.sum()


@metric("my_score")
def my_score(ranks):
    """Whether one of the first two items is relevant."""
    return metrics["recall@{k}"].function(ranks, 2)
'''


@pytest.fixture
def mine(cli: Cli, tmp_path: Path) -> Iterator[str]:
    """The file; what it registers is forgotten afterwards."""
    (tmp_path / "my_own_methods.py").write_text(MINE, encoding="utf-8")
    yield "my_own_methods.py"
    forget()


def forget() -> None:
    """Undo the import."""
    sys.modules.pop("my_own_methods", None)
    registries: list[Registry] = [methods, objectives, metrics]
    for registry in registries:
        for name in ("my-cca", "my-loss", "my_score"):
            registry._things.pop(name, None)


def test_a_method_of_a_file_is_trained_compared_and_listed(cli: Cli, corpus: Path, mine: str) -> None:
    trained = cli("train", "my-cca", corpus, "--out", "run", "--import", mine)
    assert trained.code == 0, trained.err
    compared = cli("compare", "my-cca", "cca", corpus, "--seeds", "1", "--import", mine, "--json")
    assert compared.code == 0, compared.err
    assert set(compared.document["methods"]) == {"my-cca", "cca"}
    assert "my-cca" in cli("methods", "--import", mine, "--json").document


def test_a_run_of_such_a_method_needs_the_file_again(cli: Cli, corpus: Path, mine: str) -> None:
    cli("train", "my-cca", corpus, "--out", "run", "--import", mine)
    forget()
    refused = cli("embed", "run", corpus, "--out", "e.npz")
    assert refused.code == 2
    assert "the run's method 'my-cca' is not registered; name its file with --import" in refused.err
    assert cli("embed", "run", corpus, "--out", "e.npz", "--import", mine).code == 0
    assert cli("evaluate", "run", corpus, "--import", mine).code == 0


def test_a_loss_of_a_file_is_diagnosed_and_trained(cli: Cli, corpus: Path, mine: str) -> None:
    few = ["--set", "epochs=2"]
    diagnosed = cli("diagnose", corpus, "--loss", "my-loss", "--seeds", "1", "--import", mine, "--json", *few)
    assert diagnosed.code == 0, diagnosed.err
    assert list(diagnosed.document["losses"]) == ["my-loss"]
    trained = cli("train", "metric", corpus, "--out", "run", "--set", "loss=my-loss", "--import", mine, *few)
    assert trained.code == 0, trained.err
    assert "weight" in {
        row["name"] for row in cli("methods", "--losses", "--import", mine, "--json").document["my-loss"]
    }


def test_a_metric_of_a_file_is_computed_and_shown(cli: Cli, corpus: Path, mine: str) -> None:
    assert cli("train", "cca", corpus, "--out", "run").code == 0
    found = cli("evaluate", "run", corpus, "--import", mine, "--json").document
    assert found["recall@1"]["mean"] <= found["my_score"]["mean"] <= found["recall@5"]["mean"]
    assert "my score" in cli("evaluate", "run", corpus, "--import", mine).out


def test_a_file_that_is_not_there_is_refused(cli: Cli, corpus: Path) -> None:
    called = cli("train", "cca", corpus, "--out", "run", "--import", "nowhere.py")
    assert called.code == 2
    assert called.err.startswith("overtone: --import nowhere.py: no such file")
