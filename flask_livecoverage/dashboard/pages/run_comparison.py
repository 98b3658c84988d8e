"""The page of the difference between two runs: lines, tests and routes that were lost and gained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from werkzeug import Response
from werkzeug.exceptions import NotFound

from ...analysis.lost_lines import ComparedFile
from ...control.parameters import BadParameters
from ...journal.facts import read_facts
from ...journal.run_folder import RunFolder
from ...model.counted_files import CountedFile
from ..run_comparison import ComparedRuns, Pair
from ..run_readers import NoSuchRun
from ..snapshot import file_key
from .code_lines import CodeLine, code_lines
from .context import PageContext

# The limit of lines of code on one page; the remaining files are listed with their line numbers only.
_MAX_LINES = 1000


@dataclass(frozen=True)
class ChangedFile:
    """A file that differs between two runs, and the keys of its source in both, for links.

    ``is_listed`` is whether its lines are shown with their code.
    """

    file: ComparedFile
    key_before: str
    key_after: str
    lost: Sequence[CodeLine]
    gained: Sequence[CodeLine]
    is_listed: bool


def compare_runs(context: PageContext) -> Response:
    """Answer with the difference of two runs; the parameter ``of`` names each of them by its id."""
    given = context.parameters("of", of=str)
    named = list(dict.fromkeys(one for one in given.get("of", []) if one))
    if len(named) != 2:
        raise BadParameters("choose two runs to compare: mark two rows of the table of runs, and no more", ["of"])
    before, after = sorted((_folder(context, name) for name in named), key=lambda run: (run.last_start(), run.id))
    found = context.take(context.readers.comparisons.get(Pair(before.id, after.id)))
    return context.render(
        "run-comparison.html",
        snapshot=context.snapshot,
        compared=found.compared,
        files=list(_files(context, found)),
        sides=[
            (before.id, read_facts(before), found.compared.before),
            (after.id, read_facts(after), found.compared.after),
        ],
        live=context.readers.live.folder.id,
    )


def _folder(context: PageContext, name: str) -> RunFolder:
    try:
        return context.readers.folder(name)
    except NoSuchRun as error:
        raise NotFound(str(error)) from None


def _files(context: PageContext, found: ComparedRuns) -> Iterator[ChangedFile]:
    room = _MAX_LINES
    before, after = found.compared.before.files, found.compared.after.files
    for file in found.compared.files:
        if file.has_changed:
            path_before, path_after = found.path_before(file.name_before), found.path_after(file.name)
            room -= len(file.lost) + len(file.gained)
            yield ChangedFile(
                file,
                file_key(path_before),
                file_key(path_after),
                _lines(context, path_before, before.get(file.name_before), file.lost, shows_code=room >= 0),
                _lines(context, path_after, after.get(file.name), file.gained, shows_code=room >= 0),
                room >= 0,
            )


def _lines(
    context: PageContext, path: str, file: CountedFile | None, numbers: Sequence[int], *, shows_code: bool
) -> list[CodeLine]:
    code = context.code_of(file.content, path) if file and numbers and shows_code else None
    return code_lines(numbers, code)
