"""The coverage of a change for pull requests: a comment in Markdown, and annotations for GitHub."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from html import escape

from ...exports.github import (
    MAX_COMMENT,
    SUMMARY_VARIABLE,
    Annotation,
    annotation_commands,
    markdown_code,
    markdown_text,
    write_summary,
)
from ...model.text import counted, printable
from ...queries.patch import PatchedFile
from .change_rows import (
    PatchAnswer,
    file_row,
    grouped,
    missing_groups,
    missing_ranges,
    renamed,
    shortened,
    summary,
    unjudged_text,
)

# The characters for names of tests in a row, and the most names of files in a line.
_WIDTH = 160
_SHOWN_FILES = 20

_TABLE_HEAD = "| File | Statements | Missed | Cover | Missing |\n| :-- | --: | --: | --: | :-- |"
# For the sentence about what was left out, and lines between the parts.
_RESERVE = 300


def comment(answer: PatchAnswer) -> str:
    """The table of the changed files, and below it a block for each that unfolds, with the tests.

    It fits into one comment: rows and blocks that do not are left out and counted.
    """
    head = "\n\n".join(_head(answer))
    files = answer.patch.files
    rows = _fitting([_row(answer, file) for file in files], MAX_COMMENT - len(head) - _RESERVE)
    table = "\n".join([_TABLE_HEAD, *rows]) if rows else ""
    blocks = _fitting([_block(file) for file in files], MAX_COMMENT - len(head) - len(table) - _RESERVE)
    left_out = ""
    if len(blocks) < len(files):
        parts = [(len(files) - len(rows), "row"), (len(files) - len(blocks), "list")]
        named = " and ".join(f"the {kind}s of {counted(count, 'file')}" for count, kind in parts if count)
        left_out = f"Too long for a comment: {named} are left out."
    return "\n\n".join(filter(None, [head, table, "\n".join(blocks), left_out]))


def _head(answer: PatchAnswer) -> Iterator[str]:
    found = answer.patch
    since = markdown_text(printable(answer.since))
    if found.statements:
        percent = answer.percent(found.covered, found.statements)
        yield f"### Coverage of the change: {percent}"
        yield f"{summary(answer)} ({since})."
    else:
        yield "### Coverage of the change"
        yield f"{summary(answer)} {since}."
    for one in found.unjudged[:_SHOWN_FILES]:
        yield f":warning: {markdown_text(printable(unjudged_text(one)))}."
    if len(found.unjudged) > _SHOWN_FILES:
        yield f":warning: {counted(len(found.unjudged) - _SHOWN_FILES, 'more file')} cannot be judged."
    if found.unmeasured:
        yield f"Not measured: {markdown_text(printable(shortened(found.unmeasured, _SHOWN_FILES)))}."


def _row(answer: PatchAnswer, file: PatchedFile) -> str:
    path, *numbers = file_row(answer, file)
    cells = [markdown_code(printable(path)), *map(str, numbers), missing_ranges(file)]
    return f"| {' | '.join(cells)} |"


def _block(file: PatchedFile) -> str:
    rows = (f"| {lines} | {markdown_text(printable(state))} |" for lines, state in grouped(file, _WIDTH))
    counted = f"{len(file.executed_lines)} of {len(file.statements)}" if file.statements else "further lines"
    title = f"<code>{escape(printable(file.path))}</code>{escape(renamed(file))}: {counted}"
    table = "\n".join(["| Lines | Executed by |", "| --: | :-- |", *rows])
    # In HTML up to the first blank line, Markdown after it.
    return f"<details><summary>{title}</summary>\n\n{table}\n\n</details>\n"


def _fitting(parts: Sequence[str], room: int) -> list[str]:
    """The first of ``parts`` that fit into ``room`` characters, each with a line end."""
    kept: list[str] = []
    for part in parts:
        room -= len(part) + 1
        if room < 0:
            break
        kept.append(part)
    return kept


def annotate(answer: PatchAnswer) -> list[str]:
    """Add the comment to the step's summary, and return the workflow commands of the annotations, and a line to read.

    They are about what cannot be judged, then about the statements that were not executed, the longest parts first.
    """
    is_full = not write_summary(comment(answer)) and bool(os.environ.get(SUMMARY_VARIABLE))
    found = answer.patch
    unjudged = [Annotation(one.path, unjudged_text(one)) for one in found.unjudged]
    missing = [(file.path, group) for file in found.files for group in missing_groups(file)]
    missing.sort(key=lambda item: -len(item[1]))
    commands = annotation_commands([*unjudged, *(_missing(path, lines) for path, lines in missing)])
    last = f"{summary(answer)}."
    return [*commands, f"{last} The step's summary has no room for the details." if is_full else last]


def _missing(path: str, lines: Sequence[int]) -> Annotation:
    count = len(lines)
    statements = "This changed statement was" if count == 1 else f"These {count} changed statements were"
    return Annotation(path, f"{statements} not executed.", lines[0], lines[-1], "Not covered")
