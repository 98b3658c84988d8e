"""Attributes that are replaced for a time, and restored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_livecoverage.model.patches import Patches


@pytest.fixture
def base() -> type[Any]:
    """A class with two attributes."""
    return type("Base", (), {"name": lambda self: "base", "other": lambda self: "other"})


@pytest.fixture
def derived(base: type[Any]) -> type[Any]:
    """A class that inherits it."""
    return type("Derived", (base,), {})


def louder(original: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda self: original(self).upper()


@pytest.mark.parametrize("name", ["base", "derived"])
def test_restored_where_it_was(name: str, request: pytest.FixtureRequest) -> None:
    owner = request.getfixturevalue(name)
    before = dict(vars(owner))
    patches = Patches()
    patches.wrap(owner, "name", louder)
    assert owner().name() == "BASE"
    patches.undo()
    assert dict(vars(owner)) == before
    assert len(patches) == 0


def test_replaced_once(base: type[Any], derived: type[Any]) -> None:
    patches = Patches()
    for owner in (base, base, derived):
        patches.wrap(owner, "name", louder)
    assert len(patches) == 1


def test_the_first_ones_stay(base: type[Any]) -> None:
    patches = Patches()
    patches.wrap(base, "name", louder)
    patches.wrap(base, "other", louder)
    patches.undo(after=1)
    assert (base().name(), base().other()) == ("BASE", "other")


def test_attribute_that_others_have_replaced_meanwhile(base: type[Any]) -> None:
    patches = Patches()
    patches.wrap(base, "name", louder)
    base.name = lambda self: "another's"
    patches.undo()
    assert base().name() == "another's"


def test_no_such_attribute(base: type[Any]) -> None:
    with pytest.raises(AttributeError):
        Patches().wrap(base, "nothing", louder)
