"""Judges files that were added, deleted, or whose contents cannot be compared."""

from __future__ import annotations

from dataclasses import replace

from .imports import STANDARD_LIBRARY
from .program import Program, SourceFile, Unit
from .reach import Change, Reach, united

# Imported by frameworks, servers and Python itself, whatever mentions them.
_DISCOVERED = frozenset(
    {"app", "wsgi", "asgi", "manage", "sitecustomize", "usercustomize", "settings", "conftest", "gunicorn.conf",
     "admin", "apps", "models", "tasks", "signals", "urls", "celery", "celeryconfig"}
)  # fmt: skip
_DISCOVERED_FOLDERS = frozenset({"migrations", "commands", "templatetags", "versions"})


def judge_file(program: Program, file: SourceFile) -> Change:
    """The change of a file as a whole."""
    if not file.recorded:
        return _added(program, file)
    if file.is_unloaded:
        return _unloaded(program, file)
    if file.new is None:
        return _deleted(program, file)
    reason = _reason(file)
    lines = (file.old or file.new).all_lines
    if file.ambient:
        return Change(file.path, lines, f"{reason}, and it ran at start-up", Reach.ALL)
    return Change(file.path, lines, reason, Reach.of_module(file.path))


def _reason(file: SourceFile) -> str:
    if file.old is None:
        return "the recorded content is unknown"
    return "the recorded content cannot be parsed" if file.old.broken else "the file cannot be parsed"


def _added(program: Program, file: SourceFile) -> Change:
    lines = file.new.all_lines if file.new else ()
    reason = _shadowed(program, file.path) or _discovered(file.path)
    if reason:
        return Change(file.path, lines, f"the file was added: {reason}", Reach.ALL)
    return _for_importers(program, file.path, lines, "the file was added")


def _unloaded(program: Program, file: SourceFile) -> Change:
    """The change of a file that the application did not load."""
    lines = file.old.all_lines if file.old else ()
    reason = _discovered(file.path)
    if reason:
        return Change(file.path, lines, f"the file never ran, but {reason}", Reach.ALL)
    return _for_importers(program, file.path, lines, "the file never ran")


def _deleted(program: Program, file: SourceFile) -> Change:
    lines = file.old.all_lines if file.old else ()
    if file.ambient:
        return Change(file.path, lines, "the file was deleted, and it ran at start-up", Reach.ALL)
    change = _for_importers(program, file.path, lines, "the file was deleted")
    return replace(change, reach=change.reach | Reach.of_module(file.path))


def _for_importers(program: Program, path: str, lines: tuple[int, ...], what: str) -> Change:
    """The change of a file for the unchanged code that imports it, or may. Changed code is judged by itself."""
    found = [unit for unit in program.units if _may_import(program, unit, path)]
    for unit in found:
        if unit.at_start:
            return Change(path, lines, f"{what}: start-up code in {unit.path} may import it", Reach.ALL)
    dependents = program.dependents(path)
    reach = united(
        [
            *(Reach.of_lines(unit.path, unit.own_lines) for unit in found),
            *(Reach.of_module(client) for client in program.clients if client in dependents - {path}),
        ]
    )
    return Change(path, lines, f"{what}: {'other code' if reach else 'no unchanged code'} imports it", reach)


def _shadowed(program: Program, path: str) -> str:
    """The reason for which a new file takes the place of another module; empty if it does not."""
    name = program.modules.name(path)
    if "." not in name and (name in STANDARD_LIBRARY or name in program.installed):
        return f"it takes the place of the module {name}"
    if any(other != path and program.modules.name(other) == name for other in program.files):
        return "another file has the same name as a module"
    folder = path.removesuffix("__init__.py")
    if folder != path and any(other != path and other.startswith(folder) for other in program.files):
        return "it makes a package of its folder"
    return ""


def _discovered(path: str) -> str:
    *folders, name = path.split("/")
    if name.removesuffix(".py") in _DISCOVERED or not _DISCOVERED_FOLDERS.isdisjoint(folders):
        return "frameworks find files of this name"
    return ""


def _may_import(program: Program, unit: Unit, path: str) -> bool:
    modules = program.modules
    return unit.path != path and (
        unit.mentions.discovers
        or any(path in modules.imported(found, unit.path) for found in unit.imports)
        or any(path in modules.in_text(text, unit.path) for text in unit.mentions.dotted)
    )
