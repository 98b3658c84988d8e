"""The page of a change: its statements, executed or not, and the tests that reached each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup
from werkzeug import Response

from ...queries.line_hits import LineUsers
from ...queries.patch import ChangedStatement, PatchedFile
from ..change import Change, Question
from ..run_reader import NotReady
from ..snapshot import file_key
from ..tests_to_run import Case, TestsToRun
from .code_lines import CodeLine, code_lines
from .context import PageContext

_LONGEST_REF = 250
# The limit of code on one page; the remaining files are listed without it.
_MAX_LINES = 1500


@dataclass(frozen=True)
class Block:
    """Neighbouring statements in the same state, and what executed them.

    ``state`` is ``run``, ``missing``, or ``continued`` for further lines of statements, which do not count.
    """

    state: str
    lines: Sequence[CodeLine]
    users: LineUsers
    moved: bool


@dataclass(frozen=True)
class ShownFile:
    """A changed file: ``key`` is that of its source, None if the run does not know the file."""

    file: PatchedFile
    key: str | None
    is_uncommitted: bool
    blocks: Sequence[Block]


def show_change(context: PageContext) -> Response:
    """Answer with the coverage of the change since ``base``, by default since the default branch."""
    base = context.parameters(base=_ref).get("base")
    change = context.take(context.readers.changes.get(Question(context.reader.folder.id, base)))
    to_run = _tests_to_run(context, base)
    response = context.render(
        "change.html",
        snapshot=context.snapshot,
        change=change,
        files=list(_files(context, change)),
        to_run=to_run,
        given=base or "",
    )
    if to_run is None:
        # Reloads the page also in browsers without scripts.
        response.headers["Refresh"] = "2"
    return response


def _tests_to_run(context: PageContext, base: str | None) -> TestsToRun | None:
    """The tests that the change can affect; None while they are looked for, which takes longer than the rest."""
    run = context.chosen_run
    try:
        return context.take(context.readers.tests_to_run.get(Case(run, None if run else base)))
    except NotReady:
        context.is_behind = True
        return None


def _ref(value: str) -> str:
    """Check the name of a commit, branch or tag, which git gets; it is never an option."""
    if value.startswith("-") or not value.isprintable() or len(value) > _LONGEST_REF:
        raise ValueError("use a commit, a branch or a tag")
    return value


def _files(context: PageContext, change: Change) -> Iterator[ShownFile]:
    if change.patch is None or change.git is None:
        return
    room = _MAX_LINES
    for file in change.patch.files:
        path = os.path.join(change.git.top, file.path)
        key = file_key(path)
        room -= len(file.statements) + len(file.continued)
        code = context.code_of(change.contents[file.path], path) if room >= 0 else None
        yield ShownFile(
            file,
            key if key in context.snapshot.files else None,
            file.path in change.git.uncommitted,
            list(_blocks(file, code)) if room >= 0 else [],
        )


def _blocks(file: PatchedFile, code: Sequence[Markup] | None) -> Iterator[Block]:
    statements = [(one, "run" if one.executed else "missing") for one in file.statements]
    statements += [(one, "continued") for one in file.continued]
    statements.sort(key=lambda item: item[0].line)

    def kind(item: tuple[ChangedStatement, str]) -> tuple[str, LineUsers, bool]:
        return item[1], item[0].users, item[0].moved

    for (state, users, moved), group in groupby(statements, kind):
        yield Block(state, code_lines((one.line for one, _ in group), code), users, moved)
