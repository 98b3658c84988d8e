"""Pairs the blocks of the two versions of a file: what is the same, what was added, removed or moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import accumulate

from .blocks import Class, Function, Item, Module, with_inner

FunctionPair = tuple[Function | None, Function | None]
_Placed = tuple[Item, int]


@dataclass
class ScopeComparison:
    """The statements of a module (no ``scope``) or of a class, before and after.

    ``same`` are pairs, of which the signatures of functions may differ. A statement that was moved is among both
    ``removed`` and ``added``, with the same key.
    """

    scope: Class | None
    same: list[tuple[Item, Item]] = field(default_factory=list)
    removed: list[Item] = field(default_factory=list)
    added: list[Item] = field(default_factory=list)
    rebound: frozenset[str] = frozenset()

    @property
    def moved(self) -> frozenset[str]:
        """The keys of the statements whose order has changed."""
        return frozenset({item.key for item in self.removed} & {item.key for item in self.added})


@dataclass
class Comparison:
    """Two versions of a file: its scopes, and its functions with their counterparts."""

    scopes: list[ScopeComparison] = field(default_factory=list)
    functions: list[FunctionPair] = field(default_factory=list)

    def unchanged_items(self) -> Iterator[Item]:
        """The statements that both versions have, with the same signatures."""
        for scope in self.scopes:
            yield from (old for old, new in scope.same if old.mentions == new.mentions)

    def unchanged_functions(self) -> Iterator[Function]:
        """The functions whose bodies are the same in both versions; as they were."""
        yield from (old for old, new in self.functions if old and new and not differs(old, new))


def differs(old: Function, new: Function) -> bool:
    """True if calling a function may do something else, apart from the functions within it."""
    return (old.code, old.docstring, old.shape, old.defaults, old.annotations) != (
        new.code,
        new.docstring,
        new.shape,
        new.defaults,
        new.annotations,
    )


def compare(old: Module, new: Module, is_ordered: Callable[[Item], bool]) -> Comparison:
    """Compare two versions of a file. ``is_ordered`` decides for imports whether their order matters."""
    comparison = Comparison()
    _compare_scopes(None, old.items, new.items, is_ordered, comparison)
    return comparison


def _compare_scopes(
    scope: Class | None,
    old: Sequence[Item],
    new: Sequence[Item],
    is_ordered: Callable[[Item], bool],
    comparison: Comparison,
) -> None:
    found = _compare_items(scope, old, new, is_ordered)
    comparison.scopes.append(found)
    pairs, removed, added = _counterparts(found)
    for before, after in pairs:
        comparison.functions.extend(_pairs(before.functions, after.functions))
        if before.scope and after.scope:
            _compare_scopes(before.scope, before.scope.items, after.scope.items, is_ordered, comparison)
    comparison.functions.extend(_pairs(_functions_of(removed), _functions_of(added)))


def _compare_items(
    scope: Class | None, old: Sequence[Item], new: Sequence[Item], is_ordered: Callable[[Item], bool]
) -> ScopeComparison:
    found = ScopeComparison(scope, rebound=_rebound(old) | _rebound(new))
    before, after = [[item for item in side if _matters_by_place(item, is_ordered)] for side in (old, new)]
    matcher = SequenceMatcher(None, [item.key for item in before], [item.key for item in after], autojunk=False)
    for tag, begin, end, new_begin, new_end in matcher.get_opcodes():
        if tag == "equal":
            found.same.extend(zip(before[begin:end], after[new_begin:new_end], strict=True))
        else:
            found.removed.extend(before[begin:end])
            found.added.extend(after[new_begin:new_end])
    _compare_unordered(found, _placed(old, before, [one for one, _ in found.same]),
                       _placed(new, after, [other for _, other in found.same]))  # fmt: skip
    return found


def _compare_unordered(found: ScopeComparison, old: Iterable[_Placed], new: Iterable[_Placed]) -> None:
    """Add definitions and imports. Only their place among the statements that both versions have matters."""
    rest = list(new)
    for before, place in old:
        match = next((placed for placed in rest if placed[0].key == before.key), None)
        if match:
            rest.remove(match)
        if match and match[1] == place:
            found.same.append((before, match[0]))
        else:
            found.removed.append(before)
            found.added.extend([match[0]] if match else [])
    found.added.extend(item for item, _ in rest)


def _placed(items: Sequence[Item], ordered: Sequence[Item], same: Sequence[Item]) -> list[_Placed]:
    """The items that are not ``ordered``, each with the number of those before it that are the ``same``."""
    ordered_ids, same_ids = set(map(id, ordered)), set(map(id, same))
    places = accumulate(id(item) in same_ids for item in items)
    return [(item, place) for item, place in zip(items, places, strict=True) if id(item) not in ordered_ids]


def _counterparts(found: ScopeComparison) -> tuple[list[tuple[Item, Item]], list[Item], list[Item]]:
    """The statements that both versions have, wherever they stand, and the rest of each version."""
    pairs = list(found.same)
    removed, added = list(found.removed), list(found.added)
    for before in found.removed:
        after = next((item for item in added if item.key == before.key), None)
        if after:
            pairs.append((before, after))
            removed.remove(before)
            added.remove(after)
    return pairs, removed, added


def _pairs(old: Iterable[Function], new: Iterable[Function]) -> Iterator[FunctionPair]:
    """Functions of the same name, in their order, and those without a counterpart."""
    before, after = list(old), list(new)
    counts = Counter(function.name for function in before), Counter(function.name for function in after)
    for function in before:
        # Which of several is which cannot be known if their number has changed.
        same = [other for other in after if other.name == function.name] if _same_count(function, *counts) else []
        other = same[[one for one in before if one.name == function.name].index(function)] if same else None
        yield function, other
        if other:
            yield from _pairs(function.inner, other.inner)
        else:
            yield from ((inner, None) for inner in with_inner(function.inner))
    for function in after:
        if not _same_count(function, *counts):
            yield from ((None, inner) for inner in with_inner([function]))


def _same_count(function: Function, old: Counter[str], new: Counter[str]) -> bool:
    return old[function.name] == new[function.name]


def _functions_of(items: Iterable[Item]) -> Iterator[Function]:
    for item in items:
        yield from item.functions
        if item.scope:
            yield from _functions_of(item.scope.items)


def _matters_by_place(item: Item, is_ordered: Callable[[Item], bool]) -> bool:
    return not (item.is_plain_function or (item.kind == "import" and not item.effect and not is_ordered(item)))


def _rebound(items: Iterable[Item]) -> frozenset[str]:
    counts = Counter(name for item in items for name in item.names)
    return frozenset(name for name, count in counts.items() if count > 1)
