"""A short fuzz run; ``make fuzz`` makes a long one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

INPUTS = 30


def test_changed_inputs_end_with_a_result_or_a_sentence(capsys) -> None:
    """In a process of its own: cases are children of one that has imported everything and started no thread."""
    tests = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "fuzz", "--inputs", str(INPUTS), "--jobs", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), *sys.path]), "OMP_NUM_THREADS": "1"}
    called = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    with capsys.disabled():
        sys.stdout.write("\n" + called.stdout)
    assert called.returncode == 0, called.stdout + called.stderr
