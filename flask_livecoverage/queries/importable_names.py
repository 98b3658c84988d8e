"""The names that modules of Python and of installed packages have, without importing any."""

from __future__ import annotations

import ast
import site
import sys
import sysconfig
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Literal

from ..analysis.impact.bindings import bound_after
from ..analysis.impact.program import Kind
from ..sources.ast_guard import syntax_tree

_Found = Path | Literal["built-in", "compiled"]


def kind_of(module: str, name: str) -> Kind:
    """The kind of a name of an installed module, of the module itself without a name; empty if that is not known.

    Only the standard library and the folders of installed packages count: others may not be there for the server.
    """
    loaded = sys.modules.get(module) if module.partition(".")[0] in sys.stdlib_module_names else None
    found = _find(module)
    if not name:
        return "other" if loaded or found else ""
    if loaded is not None and name in vars(loaded):
        return "class" if isinstance(vars(loaded)[name], type) else "other"
    if isinstance(found, Path):
        bound, classes = _names_in(found)
        if name in bound:
            return "class" if name in classes else "other"
    return "other" if found and _find(f"{module}.{name}") else ""


@cache
def _find(module: str) -> _Found | None:
    if module in sys.builtin_module_names:
        return "built-in"
    places = _places()
    for part in _parents(module):
        try:
            spec = PathFinder.find_spec(part, places)
        except (ImportError, ValueError, OSError):
            return None
        if spec is None or spec.origin is None:
            return None
        places = list(spec.submodule_search_locations or ())
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin) if spec.origin.endswith(".py") else "compiled"


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))]


@cache
def _places() -> list[str]:
    paths = sysconfig.get_paths()
    own = [paths[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    # The folder of the compiled modules of the standard library.
    compiled = sysconfig.get_config_var("DESTSHARED")
    return list(dict.fromkeys([*own, *([compiled] if compiled else []), *site.getsitepackages()]))


@cache
def _names_in(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The names that a file binds for sure, and those of its classes."""
    try:
        tree = syntax_tree(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(), frozenset()
    return bound_after(tree.body), frozenset(node.name for node in tree.body if isinstance(node, ast.ClassDef))
