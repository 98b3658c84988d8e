"""Mutations of whole files: new, removed and renamed ones, data, requirements, the suite itself."""

from __future__ import annotations

import random
import re
from pathlib import PurePosixPath

from . import expressions, statements
from .tree import Changes, Tree, source_of

Mutation = tuple[Changes, str]


def new_file(tree: Tree, chance: random.Random) -> Mutation | None:
    """A new file: a module that nothing imports, one that wins over another, a template, data, a test."""
    make = chance.choice((_unused_module, _package_that_wins, _new_template, _new_data, _new_test, _new_conftest))
    return make(tree, chance)


def _unused_module(tree: Tree, chance: random.Random) -> Mutation:
    folder = PurePosixPath(chance.choice(tree.python)).parent
    return {f"{folder}/planted.py": "VALUE = 1\n\n\ndef planted():\n    return VALUE\n"}, "new module"


def _package_that_wins(tree: Tree, chance: random.Random) -> Mutation | None:
    modules = [name for name in tree.python if not name.endswith("__init__.py")]
    name = chance.choice(modules)
    text = tree.files[name]
    edits = list(expressions.constants(source_of(text)))
    if edits:
        text = source_of(text).apply(chance.choice(edits))
    # Relative imports of the copy are one level deeper.
    text = re.sub(r"^(\s*from )\.", r"\1..", text, flags=re.MULTILINE)
    return {f"{name.removesuffix('.py')}/__init__.py": text}, "a package wins over a module"


def _new_template(tree: Tree, chance: random.Random) -> Mutation | None:
    if not tree.templates:
        return None
    path = PurePosixPath(chance.choice(tree.templates))
    return {f"{path.parent}/planted_{path.name}": "planted\n"}, "new template"


def _new_data(tree: Tree, chance: random.Random) -> Mutation:
    folder = PurePosixPath(chance.choice(tree.application)).parent
    name = chance.choice(("planted.json", "planted.txt", "planted.cfg", ".env"))
    return {f"{folder}/{name}": "{}\n"}, f"new file {name}"


def _new_test(tree: Tree, chance: random.Random) -> Mutation:
    folder = PurePosixPath(chance.choice(tree.tests)).parent
    return {f"{folder}/test_planted.py": "def test_planted():\n    assert True\n"}, "new tests"


def _new_conftest(tree: Tree, chance: random.Random) -> Mutation | None:
    folder = PurePosixPath(chance.choice(tree.tests)).parent
    name = f"{folder}/conftest.py"
    if name in tree.files:
        text = (
            f"{tree.files[name].rstrip()}\n\n\n@pytest.fixture(autouse=True)\ndef planted():\n    pytest.fail('no')\n"
        )
        return {name: text}, "new fixture for all tests"
    text = "import pytest\n\n\n@pytest.fixture\ndef client():\n    pytest.fail('planted')\n"
    return {name: text}, "new conftest.py"


def removed_file(tree: Tree, chance: random.Random) -> Mutation | None:
    """A file is removed."""
    name = chance.choice(tree.application)
    return {name: None}, "file removed"


def renamed_file(tree: Tree, chance: random.Random) -> Mutation | None:
    """A file is renamed; all that mention it follow, or not."""
    name = chance.choice(tree.application)
    path = PurePosixPath(name)
    if path.name == "__init__.py":
        return None
    new = path.with_name(f"renamed_{path.name}")
    changes: Changes = {name: None, str(new): tree.files[name]}
    if chance.random() < 0.3:
        return changes, "file renamed, and mentioned by its old name"
    old_text, new_text = (path.stem, new.stem) if path.suffix == ".py" else (path.name, new.name)
    for other in tree.application:
        text = changes.get(other, tree.files[other])
        replaced = re.sub(rf"(?<!\w){re.escape(old_text)}(?!\w)", new_text, text) if text else text
        if replaced != text:
            changes[other] = replaced
    return changes, "file renamed, and all that mention it"


def renamed_name(tree: Tree, chance: random.Random) -> Mutation | None:
    """A function or class is renamed: where it is defined, in its file, or everywhere."""
    name = chance.choice(tree.python)
    source = source_of(tree.files[name])
    definitions = [*source.functions(), *source.classes()]
    if not definitions:
        return None
    node = chance.choice(definitions)
    old, new = node.name, f"{node.name}_planted"
    where = chance.choice(("definition", "file", "application"))
    if where == "definition":
        pattern = re.compile(rf"(def|class) {old}\b")
        start, end = source.block(node)
        text = pattern.sub(rf"\1 {new}", source.data[start:end].decode(), count=1)
        changed = source.data[:start].decode() + text + source.data[end:].decode()
        return {name: changed}, f"line {node.lineno}: {old} renamed"
    names = [name] if where == "file" else tree.application
    changes: Changes = {item: re.sub(rf"(?<!\w){old}(?!\w)", new, tree.files[item]) for item in names}
    kept = {item: text for item, text in changes.items() if text != tree.files[item]}
    return (kept, f"{old} renamed in the {where}") if kept else None


def data(tree: Tree, chance: random.Random) -> Mutation | None:
    """A line of a file that is neither code nor a template is changed."""
    names = [name for name in tree.data if tree.files[name].strip()]
    if not names:
        return None
    name = chance.choice(names)
    lines = tree.files[name].splitlines(keepends=True)
    index = chance.randrange(len(lines))
    other = chance.choice(([], [lines[index]] * 2, [re.sub(r"\d+", "7", lines[index])], [lines[index].upper()]))
    text = "".join([*lines[:index], *other, *lines[index + 1 :]])
    return ({name: text}, f"line {index + 1} of a data file") if text != tree.files[name] else None


def requirements(tree: Tree, chance: random.Random) -> Mutation | None:
    """A requirement is added or changed."""
    names = [name for name in ("requirements.txt", "pyproject.toml", "setup.cfg") if name in tree.files]
    if not names:
        return None
    name = chance.choice(names)
    return {name: f"{tree.files[name].rstrip()}\n# {chance.randrange(1000)}\n"}, "requirements"


def tests(tree: Tree, chance: random.Random) -> Mutation | None:
    """A place in the suite is mutated."""
    name = chance.choice(tree.tests)
    source = source_of(tree.files[name])
    make = chance.choice(
        (expressions.constants, expressions.operators, expressions.calls, statements.deletions, statements.comments)
    )
    edits = list(make(source))
    if not edits:
        return None
    edit = chance.choice(edits)
    return {name: source.apply(edit)}, f"the suite, {edit.title}"
