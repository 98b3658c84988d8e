from __future__ import annotations

import json.decoder
import os
import sys
from pathlib import Path

import pytest

from flask_livecoverage.queries.importable_names import kind_of


@pytest.mark.parametrize(
    ("module", "name", "kind"),
    [
        ("math", "", "other"), ("os", "path", "other"), ("os.path", "join", "other"), ("json", "dumps", "other"),
        ("json", "decoder", "other"), ("json.decoder", "JSONDecoder", "class"), ("sys", "argv", "other"),
        ("wave", "open", "other"), ("wave", "Wave_read", "class"), ("wave", "nope", ""),
        ("flask", "", "other"), ("flask", "views", "other"), ("flask.views", "MethodView", "class"),
        ("flask", "nope", ""), ("json.nope", "", ""), ("nope", "", ""), ("nope", "x", ""), ("os.nope", "x", ""),
    ],
)  # fmt: skip
def test_names(module: str, name: str, kind: str) -> None:
    assert json.decoder
    assert os.path
    assert kind_of(module, name) == kind


def test_nothing_is_imported() -> None:
    before = set(sys.modules)
    kind_of("antigravity", "webbrowser")
    kind_of("xmlrpc.server", "SimpleXMLRPCServer")
    assert "antigravity" not in sys.modules
    assert set(sys.modules) == before


def test_other_folders_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server need not have them on its path."""
    (tmp_path / "beside.py").write_text("X = 1\n")
    (tmp_path / "folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert (kind_of("beside", ""), kind_of("beside", "X"), kind_of("folder", "")) == ("", "", "")
