"""The benchmarks run; what they measure is not tested here."""

from __future__ import annotations

import re
import subprocess
import sys

from .conftest import REPOSITORY


def test_minimise() -> None:
    sizes = ("--members", "500", "--line-sets", "40", "--lines", "2000")
    for shape in ("routes", "random"):
        result = subprocess.run(
            [sys.executable, str(REPOSITORY / "benchmarks" / "minimise.py"), *sizes, "--shape", shape],
            capture_output=True,
            text=True,
        )

        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("500 tests, 40 sets of lines, 2000 lines")
        assert "460 duplicates" in result.stdout
        assert result.stdout.count(", optimal") == 2


def test_store() -> None:
    sizes = ("--requests", "600", "--traces", "20", "--journals", "3", "--rounds", "1")
    result = subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "store.py"), *sizes], capture_output=True, text=True
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert "20 distinct traces in 3 journals" in result.stdout
    assert re.search(r"^requests +600$", result.stdout, re.MULTILINE)
    assert "who ran a line" in result.stdout
