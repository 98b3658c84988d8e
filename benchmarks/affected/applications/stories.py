"""Generates tests whose assertions are the answers of the unchanged application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pprint import pformat
from typing import Any

CONFTEST = '''"""The client of all tests."""

import pytest

from benchmarks.affected.wire import SuiteClient


@pytest.fixture
def client(wire):
    """A client for the served application."""
    return SuiteClient(wire)
'''

HEAD = '''"""The answers of {name}."""

import pytest

STORIES = {stories}


@pytest.mark.parametrize("number", range(len(STORIES)))
def test_{name}(number, client, same_as_before):
    same_as_before(client.play(STORIES[number]))
'''


def test_files(stories: Mapping[str, Sequence[Sequence[Any]]]) -> dict[str, str]:
    """A module of tests for each name."""
    return {
        f"test_{name}.py": HEAD.format(name=name, stories=pformat(list(requests), width=110))
        for name, requests in stories.items()
    }
