"""The work of ``compare`` and ``baseline``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ...errors import ConfigurationError
from ...exports import baseline
from ...journal.data_dir import DataDir
from ...queries.coverage_comparison import ComparedCoverage, compare_coverage
from ...queries.recorded_coverage import CoverageReader, RecordedCoverage
from .comparison_text import as_markdown, as_object, as_text, decrease_line
from .opening import open_selected
from .reporting import warn, write_file


def compare(before: str, after: str, *, data_dir: str, output_format: str, fail_on_decrease: bool) -> int:
    """Print the difference of two runs or baselines; return 2 for a decrease that is to fail, else 0."""
    compared = _compare(before, after, DataDir(data_dir))
    for name, reason in compared.unknown.items():
        warn(f"{name} cannot be compared: {reason}")
    if output_format == "json":
        click.echo(json.dumps(as_object(compared)))
    else:
        click.echo(as_markdown(compared) if output_format == "markdown" else as_text(compared))
    line = decrease_line(compared) if fail_on_decrease else None
    if line is None:
        return 0
    click.echo(line, err=True)
    return 2


def _compare(before: str, after: str, directory: DataDir) -> ComparedCoverage:
    if _is_file(before):
        earlier = _read_baseline(before)
    else:
        with _reader(directory, before) as (name, reader):
            earlier = reader.read(name)
    if _is_file(after):
        return compare_coverage(earlier, _read_baseline(after))
    with _reader(directory, after) as (name, reader):
        return compare_coverage(earlier, reader.read(name), reader.read_unexecuted)


def _is_file(name: str) -> bool:
    """True if ``name`` is a baseline's, and not a run's. Raises ConfigurationError if it can only be a file's."""
    if os.path.isfile(name):
        return True
    if os.sep in name or name.endswith(".json"):
        raise ConfigurationError(f"there is no file {name}: write it with `livecov baseline --output {name}`")
    return False


def _read_baseline(path: str) -> RecordedCoverage:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path} ({error.strerror}): choose another baseline") from None
    return RecordedCoverage(path, baseline.read_baseline(content, path))


@contextmanager
def _reader(directory: DataDir, selection: str) -> Iterator[tuple[str, CoverageReader]]:
    """The reader of the coverage of the runs that ``selection`` names, and the name by which they are shown."""
    folders = directory.select(selection, tested=True, whole=True)
    # By its id, because a newer run may begin meanwhile.
    chosen, shown = (folders[0].id,) * 2 if len(folders) == 1 else (selection, f"{len(folders)} runs")
    with open_selected(str(directory.path), chosen, whole=True) as stored:
        yield shown, CoverageReader(stored)


def write_baseline(data_dir: str, selection: str, output: str) -> None:
    """Write the baseline of the runs that ``selection`` names."""
    with _reader(DataDir(data_dir), selection) as (name, reader):
        recorded = reader.read(name)
    for file, reason in recorded.unknown.items():
        warn(f"{file} is left out: {reason}")
    files = {name: file for name, file in recorded.files.items() if file.marks is not None}
    for file in recorded.files.keys() - files.keys():
        warn(f"{file} is left out: it has changed since it was recorded, and what it contained then was not kept")
    if not files:
        raise ConfigurationError("no file was measured: record again with `livecov run`")
    content = baseline.write_baseline(files)
    if output == "-":
        click.echo(content, nl=False)
        return
    write_file(output, content.encode(), "--output")
    click.echo(f"Wrote baseline of {name} to {output}")
