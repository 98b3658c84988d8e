"""Makes mutants: changes of a random place in an application's repository, of one of many kinds.

A mutant is determined by the application, the seed and its number.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from . import classes, expressions, files, functions, modules, statements, templates
from .tree import Changes, Edit, Source, Tree, source_of

__all__ = ["KINDS", "Changes", "Mutant", "Tree", "make_mutant"]

TRIES = 200
Make = Callable[[Tree, random.Random], tuple[Changes, str] | None]


@dataclass(frozen=True)
class Mutant:
    """A change of files, with its kind and a title."""

    number: int
    kind: str
    title: str
    changes: Changes


def in_file(edits: Callable[[Source], Iterator[Edit]]) -> Make:
    """A kind of mutation that edits one place of a Python file of the application."""

    def make(tree: Tree, chance: random.Random) -> tuple[Changes, str] | None:
        name = chance.choices(tree.python, [len(tree.files[name]) + 1 for name in tree.python])[0]
        source = source_of(tree.files[name])
        found = list(edits(source))
        if not found:
            return None
        # First the kind of edit, then its place: some have very many places.
        title = chance.choice(sorted({_kind_of_edit(edit) for edit in found}))
        edit = chance.choice([edit for edit in found if _kind_of_edit(edit) == title])
        return {name: source.apply(edit)}, f"{name}, {edit.title}"

    return make


def _kind_of_edit(edit: Edit) -> str:
    words = edit.title.rpartition(": ")[2].split()
    return " ".join(words[-3:])


def in_class(edits: Callable[[Source, classes.Members], Iterator[Edit]]) -> Make:
    """The same, for edits that need the names of all classes."""

    def make(tree: Tree, chance: random.Random) -> tuple[Changes, str] | None:
        members = classes.Members([source_of(tree.files[name]) for name in tree.python])
        return in_file(partial(edits, members=members))(tree, chance)

    return make


def in_template(tree: Tree, chance: random.Random) -> tuple[Changes, str] | None:
    """A mutation of a line of a template."""
    if not tree.templates:
        return None
    name = chance.choices(tree.templates, [len(tree.files[name]) + 1 for name in tree.templates])[0]
    found = list(templates.lines_of_templates(tree, name))
    if not found:
        return None
    text, title = chance.choice(found)
    return {name: text}, f"{name}, {title}"


def several(tree: Tree, chance: random.Random) -> tuple[Changes, str] | None:
    """Two or three mutations of different kinds at once."""
    changes: Changes = {}
    titles = []
    for _ in range(chance.randint(2, 3)):
        made = KINDS[chance.choice([kind for kind in KINDS if kind != "several at once"])](tree, chance)
        if made is not None:
            tree = tree.changed(made[0])
            changes.update(made[0])
            titles.append(made[1])
    return (changes, "; ".join(titles)) if len(titles) > 1 else None


KINDS: dict[str, Make] = {
    "operator": in_file(expressions.operators),
    "constant": in_file(expressions.constants),
    "call": in_file(expressions.calls),
    "condition": in_file(expressions.conditions),
    "name or attribute": in_file(expressions.names),
    "return": in_file(statements.returns),
    "statement deleted": in_file(statements.deletions),
    "statement added": in_file(statements.additions),
    "statements reordered": in_file(statements.orders),
    "loop or handler": in_file(statements.loops),
    "default argument": in_file(functions.defaults),
    "parameters": in_file(functions.signatures),
    "decorator": in_file(functions.decorators),
    "route added or reordered": in_file(functions.routes),
    "function moved": in_file(functions.moved),
    "function added": in_file(functions.additions),
    "function or class renamed": files.renamed_name,
    "method added": in_class(classes.overrides),
    "class attribute": in_class(classes.attributes),
    "base or method removed": in_file(classes.bases),
    "annotation": in_file(classes.annotations),
    "module's constant": in_file(modules.constants),
    "name shadowed": in_file(modules.shadows),
    "import": in_file(modules.imports),
    "template": in_template,
    "file added": files.new_file,
    "file removed": files.removed_file,
    "file renamed": files.renamed_file,
    "data file": files.data,
    "requirements": files.requirements,
    "docstring": in_file(statements.docstrings),
    "comment or layout": in_file(statements.comments),
    "the suite": files.tests,
    "several at once": several,
}


def make_mutant(tree: Tree, application: str, seed: int, number: int, kinds: Sequence[str] = ()) -> Mutant:
    """The mutant of this number, of one of some kinds, or of any."""
    chance = random.Random(f"{application} {seed} {number}")
    for _ in range(TRIES):
        kind = chance.choice(kinds or list(KINDS))
        made = KINDS[kind](tree, chance)
        if made is None:
            continue
        changes = {name: text for name, text in made[0].items() if text != tree.files.get(name)}
        if changes and all(compiles(name, text) for name, text in changes.items()):
            first = next(iter(changes))
            return Mutant(number, kind, made[1] if first in made[1] else f"{first}, {made[1]}", changes)
    raise RuntimeError(f"{application}: no mutant of number {number}")


def compiles(name: str, text: str | None) -> bool:
    """True for what is no Python file, and for one without a syntax error."""
    if text is None or not name.endswith(".py"):
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True
