"""Follows the value of a global: the names that are bound to it, the start-up code that uses it, and its readers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .blocks import with_inner
from .program import Program, Unit, looks_up
from .reach import Reach, united


@dataclass(frozen=True)
class ValueFlow:
    """The ``names`` that lead to a value; the start-up code that uses it (``reader``), if any does.

    ``in_class`` is true if the value is an attribute of a class, which objects have wherever they are.
    """

    names: frozenset[str]
    reader: Unit | None = None
    in_class: bool = False


def follow(program: Program, path: str, names: Iterable[str]) -> ValueFlow:
    """Follow the values of globals of the module at ``path``."""
    found = ValueFlow(frozenset(names))
    dependents = program.dependents(path)
    units = [unit for unit in program.units if unit.at_start]
    while True:
        known = found.names
        for unit in units:
            aliases = _aliases(unit, known)
            if _reads(unit, known, path, dependents):
                if _uses(program, unit):
                    return ValueFlow(found.names, unit)
                aliases |= _passed_on(program, unit)
                found = ValueFlow(found.names, None, found.in_class or bool(unit.class_name))
            found = ValueFlow(found.names | aliases, None, found.in_class)
        if found.names == known:
            return found


def readers(program: Program, path: str, names: Collection[str]) -> Reach:
    """The tests that ran code which may read the values of globals of the module at ``path``, by these names."""
    dependents = program.dependents(path)
    found = [unit for unit in program.units if not unit.at_start or (unit.item and unit.item.functions)]
    lines = united(_lines(unit) for unit in found if _reads(unit, names, path, dependents))
    clients = [client for client in program.clients if client in dependents]
    return lines | united(map(Reach.of_module, clients))


def _reads(unit: Unit, names: Collection[str], path: str, dependents: Collection[str]) -> bool:
    # A function may import them under another name. Elsewhere, imports, annotations and base classes read no value.
    return any(looks_up(unit, name, path, dependents, declared=unit.item is None) for name in names)


def _lines(unit: Unit) -> Reach:
    """The lines of a function, or those of functions whose defaults have a value."""
    functions = with_inner(unit.item.functions) if unit.item else ()
    lines = unit.own_lines
    for function in functions:
        lines |= function.own_lines
    return Reach.of_lines(unit.path, lines)


def _uses(program: Program, unit: Unit) -> bool:
    """True unless the code only binds other names to what it mentions."""
    item = unit.item
    if not item or item.effect or item.kind == "class":
        return True
    if item.kind == "statement" and program.is_read_at_creation(unit.class_name):
        return True
    return any(program.starts(function, unit.path) for function in item.functions)


def _passed_on(program: Program, unit: Unit) -> frozenset[str]:
    item = unit.item
    if not item or item.kind != "statement":
        return frozenset()
    return item.names | (program.families.of(unit.class_name) if unit.class_name else frozenset())


def _aliases(unit: Unit, names: Collection[str]) -> frozenset[str]:
    """The names under which one of ``names`` is imported."""
    return frozenset(found.bound for found in unit.imports if found.name in names and found.bound)
