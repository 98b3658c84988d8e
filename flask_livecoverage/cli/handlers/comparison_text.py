"""Shows the difference of two runs: as JSON, as text, and as Markdown for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tabulate import tabulate

from ...analysis.lost_lines import ComparedFile
from ...exports.github import markdown_code
from ...model.bitmap import to_ranges
from ...model.counted_files import Counts
from ...model.text import abridged, counted, printable
from ...queries.coverage_comparison import ComparedCoverage, Names
from ...sources.coveragepy import StatementAnalyser
from .answers import table

Row = dict[str, Any]

# In Markdown: these lists together are shorter than GitHub's limit for a comment.
_SHOWN_FILES = 50
_SHOWN_NAMES = 25
_SHOWN_LENGTH = 150

# Enough to distinguish any two percentages of files that people write.
_MORE_DIGITS = range(8)

_SIDES = ("Before", "After")
_HEADERS = ("File", *_SIDES, "Lost lines", "Gained lines")
_ALIGNMENT = ("left", "right", "right", "left", "left")


def as_object(compared: ComparedCoverage) -> Row:
    """The difference, for JSON."""
    before, after = compared.before.counts, compared.after.counts
    return {
        "before": compared.before.name,
        "after": compared.after.name,
        "percent_before": before.percent,
        "percent_after": after.percent,
        "statements_before": before.statements,
        "statements_after": after.statements,
        "covered_before": before.covered,
        "covered_after": after.covered,
        "files": {file.name: _file_object(file) for file in compared.files if file.has_changed},
        "decreased": {"total": compared.has_decreased, "files": [file.name for file in compared.decreased]},
        "unknown": dict(compared.unknown),
        "tests": _tests_object(compared.tests),
        "routes": _names_object(compared.routes),
    }


def _file_object(file: ComparedFile) -> Row:
    return {
        "lost_lines": list(file.lost),
        "gained_lines": list(file.gained),
        "lost_lines_now": list(file.lost_now),
        "percent_before": file.before and file.before.percent,
        "percent_after": file.after and file.after.percent,
        "path_before": file.name_before if file.before else None,
    }


def _names_object(names: Names | None) -> Row | None:
    return None if names is None else {"added": list(names.added), "removed": list(names.removed)}


def _tests_object(names: Names | None) -> Row | None:
    if names is None:
        return None
    changed = {name: {"before": before, "after": after} for name, (before, after) in names.changed.items()}
    return {"added": list(names.added), "removed": list(names.removed), "changed": changed}


class _Percents:
    """Formats percentages, with the digits that show a difference."""

    def __init__(self) -> None:
        self._analyser = StatementAnalyser()

    def pair(self, before: Counts | None, after: Counts | None) -> tuple[str, str]:
        texts = "", ""
        for digits in _MORE_DIGITS:
            texts = self._text(before, digits), self._text(after, digits)
            if before is None or after is None or texts[0] != texts[1] or not _differ(before, after):
                break
        return texts

    def _text(self, counts: Counts | None, digits: int) -> str:
        return "-" if counts is None else f"{self._analyser.percent(counts.covered, counts.statements, digits)}%"


def _differ(before: Counts, after: Counts) -> bool:
    return before.is_below(after) or after.is_below(before)


def decrease_line(compared: ComparedCoverage) -> str | None:
    """The error line if a smaller part is covered than before, or if that cannot be known; else None."""
    percents = _Percents()
    parts = []
    if compared.has_decreased:
        parts.append("in all {} → {}".format(*percents.pair(compared.before.counts, compared.after.counts)))
    worst = sorted(compared.decreased, key=lambda file: (-len(file.lost), file.name))
    parts += ["{} {} → {}".format(printable(file.name), *percents.pair(file.before, file.after)) for file in worst[:3]]
    if len(worst) > 3:
        parts.append(counted(len(worst) - 3, "more file"))
    if not parts and not compared.unknown:
        return None
    if compared.unknown:
        more = len(compared.unknown) - 1
        also = f" and {counted(more, 'more file')}" if more else ""
        parts.append(f"{printable(min(compared.unknown))}{also} cannot be compared")
    certainty = "has" if compared.decreased or compared.has_decreased else "may have"
    return f"Coverage {certainty} decreased: {', '.join(parts)}"


# Text


def as_text(compared: ComparedCoverage) -> str:
    """The difference, for a terminal."""
    return "\n".join(_text_parts(compared))


def _text_parts(compared: ComparedCoverage) -> Iterator[str]:
    percents = _Percents()
    yield _totals(compared, percents)
    yield f"\n{_summary(compared)}"
    rows = [_file_row(file, printable, percents) for file in compared.files if file.has_changed]
    if rows:
        yield f"\n{table(_HEADERS, rows, right=_SIDES)}"
    for kind, names in (("Test", compared.tests), ("Route", compared.routes)):
        for change, listed in _changes(names):
            yield f"\n{kind}s {change}: {', '.join(map(printable, listed))}"
    if compared.tests and compared.tests.changed:
        shown = (f"{printable(name)} ({_outcomes(pair)})" for name, pair in compared.tests.changed.items())
        yield f"\nTests with another outcome: {', '.join(shown)}"


def _outcomes(pair: tuple[str, str]) -> str:
    return " → ".join(pair)


def _totals(compared: ComparedCoverage, percents: _Percents) -> str:
    sides = (compared.before, compared.after)
    shown = percents.pair(*(side.counts for side in sides))
    rows = [
        (header, side.name, percent, f"{side.counts.covered:,} of {side.counts.statements:,}")
        for header, side, percent in zip(_SIDES, sides, shown, strict=True)
    ]
    return table(("", "Run", "Covered", "Statements"), rows, right=("Covered", "Statements"))


def _summary(compared: ComparedCoverage) -> str:
    return f"{_lines(compared.lost)} lost, {_lines(compared.gained)} gained."


def _lines(count: int) -> str:
    return counted(count, "line")


def _file_row(file: ComparedFile, name: Callable[[str], str], percents: _Percents) -> Sequence[str]:
    renamed = f"{name(file.name_before)} → " if file.name_before != file.name else ""
    before, after = percents.pair(file.before, file.after)
    note = "" if file.is_executed else " (not executed)"
    return (f"{renamed}{name(file.name)}{note}", before, after, _lost(file), to_ranges(file.gained))


def _lost(file: ComparedFile) -> str:
    """The lost lines, and where they are now if they have moved."""
    now = "" if list(file.lost) == list(file.lost_now) else f" (now {to_ranges(file.lost_now)})"
    return f"{to_ranges(file.lost)}{now}"


def _changes(names: Names | None) -> Iterator[tuple[str, Sequence[str]]]:
    for change, listed in (("added", names.added), ("removed", names.removed)) if names else ():
        if listed:
            yield change, listed


# Markdown


def as_markdown(compared: ComparedCoverage) -> str:
    """The difference, for a comment on a pull request; long lists are cut."""
    return "\n\n".join(_markdown_parts(compared))


def _markdown_parts(compared: ComparedCoverage) -> Iterator[str]:
    percents = _Percents()
    before, after = percents.pair(compared.before.counts, compared.after.counts)
    yield f"### Coverage {before} → {after}"
    names = (_code(side.name) for side in (compared.before, compared.after))
    yield "{} {} compared with {}.".format(_summary(compared), *reversed(list(names)))
    changed = sorted(
        (file for file in compared.files if file.has_changed), key=lambda file: (-len(file.lost), file.name)
    )
    rows = [_markdown_row(file, percents) for file in changed[:_SHOWN_FILES]]
    if rows:
        yield tabulate(rows, _HEADERS, tablefmt="pipe", colalign=_ALIGNMENT, disable_numparse=True)
    if len(changed) > len(rows):
        yield f"… and {counted(len(changed) - len(rows), 'more file')}: see `livecov compare`."
    for name, reason in list(compared.unknown.items())[:_SHOWN_NAMES]:
        yield f"{_code(name)} cannot be compared: {abridged(printable(reason))}"
    for kind, listed in (("test", compared.tests), ("route", compared.routes)):
        for change, all_names in _changes(listed):
            shown = list(map(_code, all_names[:_SHOWN_NAMES]))
            yield _list(f"{counted(len(all_names), kind)} {change}", shown, len(all_names))
    if compared.tests and compared.tests.changed:
        outcomes = compared.tests.changed
        items = [f"{_code(name)} ({_outcomes(pair)})" for name, pair in list(outcomes.items())[:_SHOWN_NAMES]]
        yield _list(f"{counted(len(outcomes), 'test')} with another outcome", items, len(outcomes))


def _markdown_row(file: ComparedFile, percents: _Percents) -> list[str]:
    cells = _file_row(file, _code, percents)
    return [cells[0], *(abridged(cell) for cell in cells[1:])]


def _list(summary: str, items: Sequence[str], count: int) -> str:
    more = count - len(items)
    listed = "\n".join(f"- {item}" for item in [*items, *([f"… and {more:,} more"] if more else [])])
    return f"<details><summary>{summary}</summary>\n\n{listed}\n\n</details>"


def _code(name: str) -> str:
    """A name that a client may have chosen, as code, in which neither Markdown nor a mention has an effect."""
    return markdown_code(abridged(printable(name), _SHOWN_LENGTH).replace("`", "'"))
