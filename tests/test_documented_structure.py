"""The paths, modules, targets, checklists and pictures in the documentation are those of the repository."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import flask_livecoverage

from .support import REPOSITORY
from .support.docs import ARCHITECTURE, CONTRIBUTING, DOCS, PAGES, console_lines, literals, section_of, text_of
from .test_architecture import FLOORS

PACKAGE = Path(flask_livecoverage.__file__).parent

PATH = r"[\w/-]+(/|\.(py|c|rst|dot|cfg|html|js))|tests/\w+(/\w+)*"


class TestPaths:
    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_named_paths_exist(self, page: Path) -> None:
        folders = "tests|docs|benchmarks|scripts|example_app|flask_livecoverage"
        named = re.findall(rf"(?<![\w/.-])(?:{folders})/[\w/.-]*\w", text_of(page))
        # What is built, and the reader's own.
        built = ("docs/_build", "tests/browser", "tests/unit", "tests/test_cart.py")
        assert [path for path in named if not (REPOSITORY / path).exists() and not path.startswith(built)] == []

    @pytest.mark.parametrize("page", [ARCHITECTURE, CONTRIBUTING], ids=lambda page: page.name)
    def test_named_modules_exist(self, page: Path) -> None:
        named = [name for name in literals(text_of(page)) if re.fullmatch(PATH, name)]
        assert named
        # A part of a room is named within the sentence about it.
        rooms = [PACKAGE / room for room in ("cli", "control", "dashboard", "store", "testid")]
        bases = (REPOSITORY, PACKAGE, *rooms)
        assert [name for name in named if not any((base / name).exists() for base in bases)] == []

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_named_targets_exist(self, page: Path) -> None:
        targets = set(re.findall(r"^([a-z-]+):", text_of(REPOSITORY / "Makefile"), re.MULTILINE))
        commands = [*literals(text_of(page)), *console_lines(text_of(page))]
        assert {name for line in commands for name in re.findall(r"^make ([a-z-]+)", line)} <= targets

    def test_rooms_are_on_their_floors(self) -> None:
        rows = re.findall(r"^(\d+) +``([\w/.]+)``", text_of(ARCHITECTURE), re.MULTILINE)
        rooms = [(int(floor), name.removesuffix("/").removesuffix(".py")) for floor, name in rows]
        expected = {(floor, name) for floor, names in enumerate(FLOORS) for name in names - {"", "_version"}}
        assert rooms == sorted(rooms, key=lambda room: room[0])
        assert set(rooms) == expected


def checklists() -> dict[str, dict[str, str]]:
    """The rows of the tables "To change X, touch Y": the change, and its cell's text by Code, Tests and Docs."""
    section = section_of(text_of(ARCHITECTURE), "To change X, touch Y")
    rows = {}
    for row in re.split(r"^ +\* - ", section, flags=re.MULTILINE)[1:]:
        change, _, cell = row.partition("\n\n")[0].partition("      - :Code: ")
        if cell:
            code, tests, documentation = re.split(r"^ +:(?:Tests|Docs): ", cell, flags=re.MULTILINE)
            assert change not in rows
            rows[" ".join(change.split())] = {"Code": code, "Tests": tests, "Docs": documentation}
    return rows


ROWS = checklists()


class TestChecklists:
    """Each row of the tables "To change X, touch Y" is complete, and the names in it are in the files that it names."""

    def test_rows_are_found(self) -> None:
        assert len(ROWS) == len(re.findall(r"^ +- :Code: ", text_of(ARCHITECTURE), re.MULTILINE)) > 60

    @pytest.mark.parametrize("change", ROWS)
    def test_is_complete(self, change: str) -> None:
        row = ROWS[change]
        assert any(re.fullmatch(PATH, name) for name in literals(row["Code"]))
        assert any(name.startswith("tests/") for name in literals(row["Tests"]))
        assert row["Docs"].strip()

    @pytest.mark.parametrize("change", ROWS)
    def test_names_are_in_the_files(self, change: str) -> None:
        names = literals(ROWS[change]["Code"] + ROWS[change]["Tests"])
        paths = [name for name in names if re.fullmatch(PATH, name)]
        texts = "\n".join(file.read_text() for path in paths for file in files_at(path))
        words = [
            name.rpartition(".")[2] for name in names if name not in paths and re.fullmatch(r"[A-Za-z_][\w.]*", name)
        ]
        assert [word for word in words if not re.search(rf"\b{word}\b", texts)] == []


def files_at(name: str) -> list[Path]:
    """The text files at a path that the page about the architecture names; those in a folder."""
    found = [base / name for base in (PACKAGE, REPOSITORY) if (base / name).exists()]
    return [path for path in (sorted(found[0].rglob("*.*")) if found[0].is_dir() else found) if path.suffix != ".pyc"]


PICTURES = sorted((DOCS / "architecture").glob("*.dot"))


class TestPictures:
    def test_both_ways_are_drawn(self) -> None:
        assert [path.stem for path in PICTURES] == ["question", "request"]

    @pytest.mark.parametrize("source", PICTURES, ids=lambda path: path.stem)
    def test_is_drawn_from_its_source(self, source: Path) -> None:
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        assert digest in source.with_suffix(".svg").read_text(), "the source has changed: make pictures"

    @pytest.mark.parametrize("source", PICTURES, ids=lambda path: path.stem)
    def test_names_what_exists(self, source: Path) -> None:
        labels = re.findall(r'label="([^"]*)"', source.read_text())
        text = " ".join(label.replace("-\\n", "").replace("_\\n", "_").replace("/\\n", "/ ") for label in labels)
        rooms = [word for word in re.findall(r"(?<!\S)[\w/]+/(?!\S)", text) if not word.startswith(".livecov")]
        modules = re.findall(r"\b[\w/]+\.py\b", text)
        assert len(rooms) > 3
        assert [room for room in rooms if not any(path.is_dir() for path in PACKAGE.glob(f"**/{room}"))] == []
        assert [module for module in modules if not list(PACKAGE.glob(f"**/{module}"))] == []
