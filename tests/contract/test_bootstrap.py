"""The set-up must not bring gigabytes of CUDA packages unasked: its decision, on reports as pip writes them."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    return script("bootstrap")


@pytest.fixture(scope="module")
def lowest(bootstrap: ModuleType) -> ModuleType:
    return script("lowest")  # imports bootstrap


def plan(*names: str) -> dict[str, Any]:
    """A report of `pip install --dry-run --report` that would install these packages."""
    return {"version": "1", "install": [{"metadata": {"name": name, "version": "1.0"}} for name in names]}


CPU = plan("torch", "filelock", "sympy", "Jinja2")
CUDA = plan("torch", "sympy", "nvidia-cublas-cu12", "nvidia_cudnn_cu12", "cuda-bindings", "triton")


def test_a_plan_without_gpu_packages_is_left_to_pip(bootstrap: ModuleType) -> None:
    assert bootstrap.gpu_packages(CPU) == []
    assert bootstrap.torch_installer(CPU, "cpu") == "pip"


def test_a_plan_with_gpu_packages_goes_to_uv_unless_gpu_was_asked_for(bootstrap: ModuleType) -> None:
    assert bootstrap.gpu_packages(CUDA) == ["cuda-bindings", "nvidia-cublas-cu12", "nvidia-cudnn-cu12", "triton"]
    assert bootstrap.torch_installer(CUDA, "cpu") == "uv"
    assert bootstrap.torch_installer(CUDA, "gpu") == "pip"


@pytest.mark.parametrize("name", ["nvidia", "nvidia-nccl-cu13", "triton", "pytorch-triton", "cuda-toolkit"])
def test_each_kind_of_gpu_package_is_recognised(bootstrap: ModuleType, name: str) -> None:
    assert bootstrap.gpu_packages(plan("torch", name)) == [name]


@pytest.mark.parametrize("name", ["tritonclient", "cudatoolbox", "numpy", "pytorch-metric-learning"])
def test_names_that_only_begin_alike_are_not(bootstrap: ModuleType, name: str) -> None:
    assert bootstrap.gpu_packages(plan("torch", name)) == []


def test_an_empty_plan_means_that_nothing_is_to_be_done_but_pip(bootstrap: ModuleType) -> None:
    assert bootstrap.torch_installer({}, "cpu") == "pip"


class Recorded:
    """Stands in for the commands: remembers them, and what each answers."""

    def __init__(self, uv_works: bool = True) -> None:
        self.commands: list[list[str]] = []
        self.uv_works = uv_works

    def __call__(self, command: list[Any], quiet: bool = False) -> bool:
        self.commands.append([str(part) for part in command])
        return self.uv_works or "--torch-backend=cpu" not in self.commands[-1]


@pytest.mark.parametrize("uv_works", [True, False])
def test_torch_by_uv_or_one_sentence_with_the_remedy(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, uv_works: bool
) -> None:
    recorded = Recorded(uv_works)
    monkeypatch.setattr(bootstrap, "run", recorded)
    monkeypatch.setattr(bootstrap, "installed_torch", lambda python: None)
    monkeypatch.setattr(bootstrap, "install_plan", lambda *_: CUDA)
    install = lambda: bootstrap.install_torch(Path("python"), "cpu", bootstrap.LOCKS / "core.txt")  # noqa: E731
    if uv_works:
        install()
    else:
        with pytest.raises(bootstrap.SetupError, match=r"by hand.*TORCH=gpu"):
            install()
    assert not any(
        "pip" in command and "torch==2.13.0" in command and "uv" not in command for command in recorded.commands
    )
    assert "--torch-backend=cpu" in recorded.commands[-1]


@pytest.mark.parametrize(
    ("present", "wanted", "touched"),
    [("2.13.0+cpu", "cpu", False), ("2.13.0", "cpu", False), ("2.13.0+cpu", "gpu", True), ("2.4.0", "cpu", True)],
)
def test_a_torch_that_fits_is_left_alone(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, present: str, wanted: str, touched: bool
) -> None:
    recorded = Recorded()
    monkeypatch.setattr(bootstrap, "run", recorded)
    monkeypatch.setattr(bootstrap, "installed_torch", lambda python: present)
    monkeypatch.setattr(bootstrap, "install_plan", lambda *_: CPU)
    bootstrap.install_torch(Path("python"), wanted, bootstrap.LOCKS / "core.txt")
    assert bool(recorded.commands) is touched


def test_another_torch_may_be_named(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded()
    monkeypatch.setattr(bootstrap, "run", recorded)
    monkeypatch.setattr(bootstrap, "installed_torch", lambda python: "2.13.0+cpu")
    monkeypatch.setattr(bootstrap, "install_plan", lambda *_: CPU)
    bootstrap.install_torch(Path("python"), "cpu", bootstrap.LOCKS / "core.txt", "2.4.0")
    assert "torch==2.4.0" in recorded.commands[-1]


def test_lowest_versions_leave_torch_to_the_bootstrap(lowest: ModuleType) -> None:
    compiled = "numpy==1.26.0\nnvidia-nvtx==13.0\ntorch==2.13.0\ntorchmetrics==1.0\ntriton==3.7.1\n"
    assert lowest.without_torch(compiled) == "numpy==1.26.0\ntorchmetrics==1.0\n"


def test_every_requirement_has_a_lowest_version() -> None:
    """Without one, the lowest version of a package is its first."""
    declared = re.findall(r'^  "([^"\n]+)",$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.M)
    requirements = [line for line in declared if re.match(r"^[\w.-]+(\[[\w,]+\])?([<>=~!].*)?$", line)]
    assert "numpy>=1.26" in requirements
    bare = [line for line in requirements if ">=" not in line and not line.startswith("overtone[")]
    assert bare == []


@pytest.mark.parametrize("name", ["bootstrap", "core", "dev"])
def test_every_version_is_pinned(name: str) -> None:
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    requirements = [line for line in lines if line and not line.startswith("#")]
    assert requirements
    assert [line for line in requirements if not re.match(r"^[a-z0-9-]+==[\w.]+( ; .+)?$", line)] == []


def test_the_demo_installs_no_development_tools() -> None:
    core = (ROOT / "requirements" / "core.txt").read_text(encoding="utf-8")
    assert not re.search(r"^(pytest|ruff|mypy|hypothesis|torch|nvidia\S*)==", core, flags=re.M)
    assert re.search(r"^numpy==", core, flags=re.M)


def test_a_package_is_pinned_by_its_whole_name(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bootstrap.txt").write_text("torchlike==1.0\ntorch==2.13.0\n", encoding="utf-8")
    monkeypatch.setattr(bootstrap, "LOCKS", tmp_path)
    assert bootstrap.lock_line("torch") == "torch==2.13.0"
    with pytest.raises(bootstrap.SetupError, match="no line for uv"):
        bootstrap.lock_line("uv")


def test_system_packages_are_installed_where_the_user_may_and_otherwise_said(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[list[str]] = []
    packages = {"there": (lambda: True, "tests of one"), "missing": (lambda: False, "tests of another")}
    monkeypatch.setattr(bootstrap, "SYSTEM_PACKAGES", packages)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0, raising=False)

    def run(command: list[str], *, quiet: bool = False) -> bool:
        ran.append(command)
        return command[1] == "update" or len(ran) == 3  # the first time the package is not known

    monkeypatch.setattr(bootstrap, "run", run)
    bootstrap.install_system_packages()
    assert [command[1] for command in ran] == ["install", "update", "install"]
    assert all("there" not in command for command in ran)
    assert "skipped" not in capsys.readouterr().err
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    bootstrap.install_system_packages()
    assert len(ran) == 3
    assert "tests of another will be skipped: they need the system package missing" in capsys.readouterr().err
