"""Which tests have the marks ``interpreter``, ``end_to_end`` and ``server``: their folders and fixtures decide.

The marks choose tests for one of several runs over the same code, so that continuous integration does not spend an
hour on what one run has shown:

*   ``interpreter``: the result depends on how Python executes code (its events, frames, code objects, forks, imports
    and syntax trees). Those within one process are run on every interpreter, all of them on the first and the last.
*   ``end_to_end``: the test starts processes: servers, commands, browsers. These take most of the time. What they add
    to the tests within one process is how the parts work together, which is the same on every interpreter, unless the
    test is also marked ``interpreter``.
*   ``server``: those of them that are about real servers, whose versions differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

# Folders and files of tests. test_marks holds that no module that depends on the interpreter has its tests elsewhere.
INTERPRETER = (
    "analysis/impact",
    "cli/handlers/test_priorities.py",
    "end_to_end/test_archives.py",
    "end_to_end/test_edited_files.py",
    "end_to_end/test_overlap.py",
    "end_to_end/test_truth.py",
    "end_to_end/test_unchanged_application.py",
    "end_to_end/work",
    "engines",
    "exports",
    "middleware",
    "model/test_imports.py",
    "model/test_patches.py",
    "queries/test_importable_names.py",
    "recording",
    "sources",
    "startup/test_early_start.py",
    "startup/test_sitecustomize.py",
    "testid/clients/test_patching.py",
)

END_TO_END = (
    "dashboard/test_process.py",
    "end_to_end",
    "test_benchmarks.py",
    "test_example_app.py",
    "testid/clients/test_http_clients.py",
    "testid/clients/test_other_languages.py",
    "testid/clients/test_recipes.py",
)
# Of these, what runs within the test's process, or forks it.
WITHIN = ("end_to_end/work",)
# Fixtures and marks of tests that start commands or browsers.
STARTING = {"browser", "commands", "suite"}

SERVER = ("end_to_end/servers", "serving")


def marks_of(path: Path, uses: Collection[str]) -> Iterator[str]:
    """The marks of the tests in a file (relative to the root of the tests) that use these fixtures and marks."""
    parents = {path.as_posix(), *(parent.as_posix() for parent in path.parents)}
    if not parents.isdisjoint(INTERPRETER):
        yield "interpreter"
    is_within = parents.isdisjoint(END_TO_END) or not parents.isdisjoint(WITHIN)
    if not (is_within and STARTING.isdisjoint(uses)):
        yield "end_to_end"
    if not parents.isdisjoint(SERVER):
        yield "server"
