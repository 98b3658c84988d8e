"""The imports between files of the application, also by names that are computed.

Tests ``recording.import_edges`` and ``recording.inventory``.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_livecoverage.recording.import_edges import ImportEdges
from flask_livecoverage.sources.selection import Sources

FILES = {
    "shop_a/__init__.py": "",
    "shop_a/views.py": "from . import models\nimport json\n",
    "shop_a/models.py": "from shop_a.base import Base\n",
    "shop_a/base.py": "Base = 1\n",
    "shop_a/lazy.py": "def load(name):\n    import importlib\n    return importlib.import_module(name)\n",
    "shop_a/late.py": "X = 1\n",
    "shop_a/text.py": "from werkzeug.utils import import_string\nimport_string('shop_a.plugin')\n",
    "shop_a/plugin.py": "",
    "shop_a/broken.py": "import shop_a.missing\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("shop_a")]:
        del sys.modules[name]


@pytest.fixture
def edges(folder: Path) -> Iterator[ImportEdges]:
    found = ImportEdges(Sources(["shop_a"]))
    found.install()
    yield found
    found.uninstall()


def taken(edges: ImportEdges, folder: Path) -> set[tuple[str, str]]:
    return {
        (Path(importer).relative_to(folder).as_posix(), Path(imported).relative_to(folder).as_posix())
        for importer, imported in edges.take()
    }


def test_statements(edges: ImportEdges, folder: Path) -> None:
    importlib.import_module("shop_a.views")
    assert taken(edges, folder) == {("shop_a/views.py", "shop_a/models.py"), ("shop_a/models.py", "shop_a/base.py")}
    assert taken(edges, folder) == set()


def test_computed_name(edges: ImportEdges, folder: Path) -> None:
    importlib.import_module("shop_a.lazy").load("shop_a.late")
    assert taken(edges, folder) == {("shop_a/lazy.py", "shop_a/late.py")}


def test_through_a_library(edges: ImportEdges, folder: Path) -> None:
    importlib.import_module("shop_a.text")
    assert taken(edges, folder) == {("shop_a/text.py", "shop_a/plugin.py")}


def test_in_a_thread(edges: ImportEdges, folder: Path) -> None:
    lazy = importlib.import_module("shop_a.lazy")
    thread = threading.Thread(target=lazy.load, args=("shop_a.late",))
    thread.start()
    thread.join()
    assert taken(edges, folder) == {("shop_a/lazy.py", "shop_a/late.py")}


def test_import_that_fails(edges: ImportEdges, folder: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"shop_a\.missing"):
        importlib.import_module("shop_a.broken")
    assert taken(edges, folder) == set()


def test_nothing_is_left_behind(folder: Path) -> None:
    before = list(sys.meta_path)
    edges = ImportEdges(Sources(["shop_a"]))
    edges.install()
    edges.install()
    assert sys.meta_path == [edges, *before]
    edges.uninstall()
    edges.uninstall()
    assert sys.meta_path == before
