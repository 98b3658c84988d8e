"""Keploy's ``dedupData.yaml``: the lines that each test executed.

Flat, a list of ``{id: test-1, executedLinesByFile: {/abs/file.py: [lines]}}``; nested where ids are ``set/test``:
``{test-set-0: {test-1: {/abs/file.py: [lines]}}}``.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from ..model import Run, Trace

# Not a pytest node id (tests/test_shop.py::test_tea), which has a slash too.
_SET_AND_ID = re.compile(r"[^/:]+/[^/:]+")


def dedup_yaml(run: Run) -> str:
    """The executed lines of each test in ``run`` as Keploy's YAML; a request that names no test stands for itself."""
    tests = {test: trace.line_numbers() for test, trace in _traces_by_test(run).items()}
    document: Any
    if tests and all(_SET_AND_ID.fullmatch(test) for test in tests):
        document = {}
        for test, lines in tests.items():
            test_set, _, name = test.partition("/")
            document.setdefault(test_set, {})[name] = lines
    else:
        document = [{"id": test, "executedLinesByFile": lines} for test, lines in tests.items()]
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None)


def _traces_by_test(run: Run) -> dict[str, Trace]:
    traces: dict[str, Trace] = {}
    for request in run.requests:
        trace = run.traces.get(request.trace)
        if trace is not None:
            test = request.test or request.id
            traces[test] = traces[test] | trace if test in traces else trace
    return traces
