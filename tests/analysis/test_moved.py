"""Moved lines are those that git shows as moved."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_livecoverage.analysis.moved import moved_lines
from flask_livecoverage.model.changes import Diff
from flask_livecoverage.repository.diffs import parse_diff

from ..support.repositories import GitFolder

# Of many lengths, so that blocks of fewer than 20 letters and digits occur, and some that repeat.
TEXTS = [
    "",
    "}",
    "else:",
    "    pass",
    "x = 1",
    "total = 0",
    "return total_of(cart)",
    "for item in cart.items:",
    "ä" * 20,
    "n" * 20,
    "n" * 19,
]
BLOCKS = st.lists(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4), min_size=1, max_size=7)

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
# As configured below: bright cyan is used for nothing else.
_MOVED = "\x1b[96m"
# Errors of white space would have colours of their own.
_SHOWN = ("--unified=1", "--ws-error-highlight=none")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> GitFolder:
    return GitFolder(tmp_path_factory.mktemp("moved") / "code")


def shown_as_moved(repository: GitFolder, *trees: str) -> dict[str, set[int]]:
    """The numbers of the added lines that ``git diff --color-moved`` colours as moved."""
    colours = {"newMoved": "brightcyan", "newMovedAlternative": "brightcyan", "new": "green"}
    options = [option for name, colour in colours.items() for option in ("-c", f"color.diff.{name}={colour}")]
    command = ["git", *options, "diff", "--color=always", "--color-moved=zebra", *_SHOWN, *trees]
    output = subprocess.run(command, cwd=repository.path, capture_output=True, check=True, text=True).stdout
    moved: dict[str, set[int]] = {}
    path, number = "", 0
    for line in output.split("\n"):
        plain = _ESCAPES.sub("", line)
        if plain.startswith("+++ "):
            path = plain[len("+++ b/") :]
        elif header := re.match(r"@@ -\S+ \+(\d+)", plain):
            number = int(header[1])
        elif plain[:1] in ("+", " "):
            if plain[0] == "+" and line.startswith(_MOVED):
                moved.setdefault(path, set()).add(number)
            number += 1
    return moved


def trees_of(repository: GitFolder, *states: dict[str, str]) -> list[str]:
    trees = []
    for files in states:
        for path in repository.path.glob("*.py"):
            path.unlink()
        repository.write(dict(files))
        repository.git("add", "--all")
        trees.append(repository.git("write-tree"))
    return trees


def parsed(repository: GitFolder, *trees: str) -> Diff:
    return parse_diff(
        subprocess.run(["git", "diff", *trees], cwd=repository.path, capture_output=True, check=True).stdout
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=BLOCKS, order=st.randoms(use_true_random=False), cut=st.integers(0, 7))
def test_as_git(repository: GitFolder, blocks: list[list[str]], order: object, cut: int) -> None:
    """Blocks of lines that change places, within a file and between two."""
    shuffled = list(blocks)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    states = [
        {"a.py": "".join(f"{line}\n" for block in state[:at] for line in block),
         "b.py": "".join(f"{line}\n" for block in state[at:] for line in block)}
        for state, at in ((blocks, len(blocks) // 2), (shuffled, cut))
    ]  # fmt: skip
    trees = trees_of(repository, *states)
    assert moved_lines(parsed(repository, *trees)) == shown_as_moved(repository, *trees)


LONG = "    return total_of_all_items(cart)\n"


def test_function_that_moves_to_another_file(repository: GitFolder) -> None:
    function = f"def total(cart):\n{LONG}"
    trees = trees_of(
        repository,
        {"a.py": f"import os\n{function}x = 1\n", "b.py": "y = 1\n"},
        {"a.py": "import os\nx = 1\n", "b.py": f"y = 1\n\n\n{function}"},
    )
    assert moved_lines(parsed(repository, *trees)) == shown_as_moved(repository, *trees) == {"b.py": {4, 5}}


def test_changed_line_within_a_moved_block(repository: GitFolder) -> None:
    before = f"def total(cart):\n{LONG}    # end\n" + "x = 1\n" * 30
    after = "x = 1\n" * 30 + f"def total(basket):\n{LONG}    # end\n"
    trees = trees_of(repository, {"a.py": before}, {"a.py": after})
    assert moved_lines(parsed(repository, *trees)) == shown_as_moved(repository, *trees) == {"a.py": {32, 33}}


def test_nothing_moves(tmp_path: Path) -> None:
    assert moved_lines([]) == {}
    diff = f"--- a/x.py\n+++ b/x.py\n@@ -1 +1,2 @@\n-x = 1\n+x = 1  \n+{LONG}"
    assert moved_lines(parse_diff(diff.encode())) == {}
