"""Tests of imports: modules that other code has imported, or is importing."""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path

import pytest

from flask_livecoverage.model.imports import loaded_module

SLOW = """
import slow_module_control as control

control.begun.set()
assert control.go_on.wait(30)
late = 1
"""


def test_module_that_another_thread_is_importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partially imported module does not count as loaded."""
    (tmp_path / "slow_module.py").write_text(SLOW)
    (tmp_path / "slow_module_control.py").write_text(
        "import threading\nbegun, go_on = (threading.Event() for _ in '12')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    control = importlib.import_module("slow_module_control")
    assert loaded_module("slow_module") is None
    thread = threading.Thread(target=importlib.import_module, args=("slow_module",))
    thread.start()
    try:
        assert control.begun.wait(30)
        assert not hasattr(sys.modules["slow_module"], "late")
        assert loaded_module("slow_module") is None
    finally:
        control.go_on.set()
        thread.join()
    assert loaded_module("slow_module").late == 1
