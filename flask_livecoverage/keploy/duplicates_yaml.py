"""Keploy's ``duplicates.yaml``: the tests that can be removed, because another one executed the same lines."""

from __future__ import annotations

from collections.abc import Iterable

from ..analysis.suite import are_set_and_id, natural_key
from .dedup_yaml import dump_yaml


def write_duplicates(ids: Iterable[str]) -> str:
    """``{set: [ids]}`` if every id is ``set/test``, else a plain list of ids.

    As in Keploy, ids are in lexicographic order within their set (``test-13`` before ``test-3``), and the sets in
    natural order, which is how Go's YAML package sorts keys.
    """
    ids = sorted(ids)
    if not are_set_and_id(ids):
        return dump_yaml(ids, flow=False)
    names: dict[str, list[str]] = {}
    for test_set, _, name in sorted((test.partition("/") for test in ids), key=lambda parts: natural_key(parts[0])):
        names.setdefault(test_set, []).append(name)
    return dump_yaml(names, flow=False)
