"""Random edits of Python files that leave them valid, and random records of what was executed afterwards."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from random import Random

from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.model.records import FileLines, Trace

from .journals import Writer, run_folder

_INSERTED = [
    "", "# A comment.", "x = 1", "print(\n    1,\n    2,\n)", "if x:\n    y = 2", "def new():\n    return 1",
    "import os  # pragma: no cover", '"""\ntext\n"""', "z = [\n    1,\n]", "class C:\n    a = 1",
]  # fmt: skip


def edit_files(folder: Path, random: Random) -> None:
    """Change, move, rename, add and remove some of the Python files in ``folder``."""
    for path in sorted(folder.rglob("*.py")):
        choice = random.random()
        if choice < 0.1:
            path.unlink()
        elif choice < 0.2:
            shutil.move(path, path.with_name(f"renamed {path.name}"))
        elif choice < 0.8:
            for _ in range(random.randint(1, 6)):
                _edit(path, random)
    for number in range(random.randint(0, 2)):
        (folder / f"new_{number}.py").write_text("\n".join(random.choices(_INSERTED, k=4)))


def _edit(path: Path, random: Random) -> None:
    """Make one edit, unless Python could not parse the file any more."""
    source = path.read_text()
    lines = source.splitlines(keepends=True) or ["\n"]
    first = random.randrange(len(lines))
    last = min(len(lines), first + random.randint(1, 12))
    block = lines[first:last]
    kind = random.choice(["insert", "remove", "move", "change", "end"])
    if kind == "insert":
        indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())].rstrip("\n")
        block = [f"{indent}{line}\n" for line in random.choice(_INSERTED).split("\n")]
        lines[first:first] = block
    elif kind == "change":
        lines[first] = lines[first].replace(" = ", " = 1 and ", 1).replace("return ", "return 1 and ", 1)
    elif kind == "end":
        lines[-1] = lines[-1].rstrip("\n") if lines[-1].endswith("\n") else f"{lines[-1]}\n"
    else:
        del lines[first:last]
        if kind == "move":
            place = random.randint(0, len(lines))
            lines[place:place] = block
    edited = "".join(lines)
    try:
        ast.parse(edited)
    except SyntaxError:
        return
    path.write_text(edited)


def record_files(folder: Path, random: Random, *, tests: int = 3) -> None:
    """Write a journal in which start-up and some tests have executed random lines of the Python files."""
    paths = sorted(path for path in folder.rglob("*.py") if path.stat().st_size)
    writer = Writer(run_folder(f"run{random.randrange(10**9)}"), "1a", pid=2**22 + 1, root=str(Path.cwd()))
    writer.line("sources", files=list(map(str, paths)))
    writer.line("ambient", trace=writer.trace(_random_trace(paths, random)))
    for number in range(tests):
        writer.request(_random_trace(paths, random), writer.started_at + number, test=random.choice([None, "a", "b"]))


def _random_trace(paths: list[Path], random: Random) -> Trace:
    files = {}
    for path in random.sample(paths, random.randint(1, len(paths))):
        lines = range(1, len(path.read_text().splitlines()) + 1)
        ran = to_bitmap(random.sample(lines, random.randint(1, len(lines))))
        files[str(path)] = FileLines(hash_of(path.read_bytes()), ran)
    return Trace.of(files)
