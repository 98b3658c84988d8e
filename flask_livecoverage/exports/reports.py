"""coverage.py's own reports, made from a data file with contexts that is written here."""

from __future__ import annotations

import io
import json
import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import coverage
from coverage.exceptions import NoDataError, NoSource, NotPython

from ..errors import ConfigurationError, DataError
from ..model.bitmap import from_bitmap
from ..model.records import Run
from ..sources import coveragepy
from ..sources.ast_guard import parsing
from .contexts import FilesByContext, default_contexts, lines_by_context


class Reports:
    """The reports on some runs; created by :func:`open_reports`."""

    def __init__(
        self, cov: coverage.Coverage, data_file: Path, warnings: Sequence[str], missing: Sequence[str] = ()
    ) -> None:
        self.warnings = warnings
        # The folder to which coverage.py's relative paths refer.
        self.folder = os.getcwd()
        # Recorded files that do not exist on this machine, if no recorded file can be reported.
        self._missing = missing
        self._coverage = cov
        self._data_file = data_file

    def text(self, *, show_missing: bool = False, markdown: bool = False) -> str:
        """The table that ``coverage report`` prints."""
        output = io.StringIO()
        self._report(
            self._coverage.report,
            file=output,
            output_format="markdown" if markdown else "text",
            # With None, coverage.py uses the user's configuration.
            show_missing=show_missing or None,
        )
        return output.getvalue()

    def total(self) -> float:
        """The percentage covered, as ``coverage report`` computes it."""
        return self._report(self._coverage.report, file=io.StringIO(), output_format="total")

    def html(self, directory: Path | None = None) -> Path:
        """Write the HTML report, with contexts, and return its first page. Default: the configured directory."""
        self._report(self._coverage.html_report, directory=directory and str(directory), show_contexts=True)
        return Path(directory or self._coverage.get_option("html:directory")) / "index.html"  # type: ignore[arg-type]

    def html_zip(self) -> bytes:
        """The HTML report as a zip archive."""
        output = io.BytesIO()
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
            self.html(Path(folder))
            for path in sorted(Path(folder).rglob("*")):
                archive.write(path, Path("htmlcov") / path.relative_to(folder))
        return output.getvalue()

    def xml(self) -> str:
        """The XML report, in Cobertura's format."""
        return self._read_report(self._coverage.xml_report, "coverage.xml")

    def lcov(self) -> str:
        """The LCOV report."""
        return self._read_report(self._coverage.lcov_report, "coverage.lcov")

    def json(self) -> str:
        """coverage.py's JSON report, with contexts."""
        return self._read_report(self._coverage.json_report, "coverage.json", show_contexts=True)

    def json_object(self, **options: Any) -> dict[str, Any]:
        """coverage.py's JSON report, parsed."""
        report: dict[str, Any] = json.loads(self._read_report(self._coverage.json_report, "coverage.json", **options))
        return report

    def json_files(self) -> dict[str, Any]:
        """The part of that report about each file, by its absolute path. Files that cannot be parsed are left out."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", coverage.exceptions.CoverageWarning)
            files = self.json_object(ignore_errors=True)["files"]
        return {os.path.normpath(os.path.join(self.folder, path)): file for path, file in files.items()}

    def data(self) -> bytes:
        """The content of the data file, for ``coverage report --data-file`` and coverage.py's other commands."""
        return self._data_file.read_bytes()

    def default_output(self, option: str) -> Path:
        """The configured file name of a report; ``option`` is one such as ``xml:output``."""
        # Read from a fresh object, because that of the reports has a temporary data file.
        return Path(str(coveragepy.make_coverage().get_option(option)))

    def fail_under_message(self, fail_under: float | None) -> str | None:
        """The error line if the total is below ``fail_under`` (default: the configured one), else None."""
        configured, precision = coveragepy.fail_under_setting(self._coverage)
        minimum = configured if fail_under is None else fail_under
        if not minimum:
            return None
        total = self.total()
        if not coveragepy.below_fail_under(total, minimum, precision):
            return None
        return f"Coverage failure: total of {total:.{precision}f} is less than fail-under={minimum:.{precision}f}"

    def _read_report(self, report: Callable[..., float], name: str, **options: Any) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            self._report(report, outfile=str(path), **options)
            return path.read_text(encoding="utf-8")

    def _report(self, report: Callable[..., float], **options: Any) -> float:
        try:
            with parsing():
                return report(**options)
        except NoDataError:
            raise DataError(_no_data_message(self._missing)) from None
        except (NoSource, NotPython) as error:
            raise ConfigurationError(
                f"coverage.py cannot report: {' '.join(str(error).split())}; add the file to `omit`, or set "
                "ignore_errors = True in the [report] section of coverage.py's configuration"
            ) from error
        except coverage.CoverageException as error:
            raise ConfigurationError(f"coverage.py cannot report: {error}") from error


@contextmanager
def open_reports(runs: Sequence[Run], *, contexts: str | None = None) -> Iterator[Reports]:
    """The reports on ``runs``, made with the user's coverage.py configuration.

    ``contexts`` is one of :data:`~.contexts.CONTEXTS`; default: ``test`` if any request names a test, else ``route``.
    Raises DataError if some runs measured branches and others did not.
    """
    if len({run.branch for run in runs}) > 1:
        raise DataError("some of these runs measured branches and some did not: report one at a time with --run ID")
    with tempfile.TemporaryDirectory() as folder:
        local_path = local_paths(_recorded_paths(runs), Path(folder))
        files, warnings = lines_by_context(runs, contexts or default_contexts(runs), local_path)
        source_files = {local_path(path) for run in runs for path in run.source_files}
        collected = Path(folder) / "collected"
        _write_data(collected, files, source_files, branch=any(run.branch for run in runs))
        with _combined(collected, Path(folder) / "coverage") as cov:
            missing = () if any(files.values()) else filter(_is_missing, map(local_path, sorted(_recorded_paths(runs))))
            yield Reports(cov, Path(folder) / "coverage", warnings, list(missing))


def _is_missing(path: str) -> bool:
    return not os.path.exists(path)


def no_recorded_file(example: str) -> str:
    """The error message if none of the recorded files exists on this machine; ``example`` is one of them."""
    return (
        f"none of the recorded files exists here, for example {example}: if the server has them in another place, such "
        "as a container, map its paths to yours with [paths] in coverage.py's configuration"
    )


def _no_data_message(missing: Sequence[str]) -> str:
    if missing:
        return no_recorded_file(missing[0])
    return (
        "no application code was measured. The code that you want to measure may be outside of `source`, or installed: "
        "name it with --source PACKAGE_OR_FOLDER"
    )


@contextmanager
def _combined(collected: Path, path: Path) -> Iterator[coverage.Coverage]:
    """A ``Coverage`` with the data of ``collected`` in ``path``, file names mapped by the configuration's [paths]."""
    cov = coveragepy.make_coverage(data_file=str(path))
    try:
        cov.combine([str(collected)], strict=True)
        cov.save()
        # The paths are mapped now. Each report would do it again, in databases of its own that it does not close.
        cov.set_option("paths", {})
        yield cov
    except coverage.CoverageException as error:
        raise ConfigurationError(f"coverage.py cannot report: {error}") from error
    finally:
        cov.get_data().close()


def _recorded_paths(runs: Sequence[Run]) -> set[str]:
    in_traces = {path for run in runs for trace in run.traces.values() for path in trace.files}
    return in_traces.union(*(run.source_files for run in runs))


def local_paths(recorded: Iterable[str], folder: Path) -> Callable[[str], str]:
    """A function that maps recorded paths (as in a container) to local ones, by the configuration's [paths]."""
    if not coveragepy.make_coverage(data_file=None).get_option("paths"):
        return str
    # A mapping can only be read from the result of combining, so each path is marked by a context of its own.
    paths = dict(enumerate(sorted(recorded)))
    data = coverage.CoverageData(basename=str(folder / "paths"))
    data.add_lines({})
    for number, path in paths.items():
        data.set_context(str(number))
        data.add_lines({path: [1]})
    data.close()
    local = {}
    with _combined(folder / "paths", folder / "mapped") as cov:
        for path in cov.get_data().measured_files():
            for context in cov.get_data().contexts_by_lineno(path)[1]:
                local[paths[int(context)]] = os.path.abspath(path)
    return lambda path: local.get(path, path)


def _write_data(path: Path, files: FilesByContext, source_files: Iterable[str], *, branch: bool) -> None:
    data = coverage.CoverageData(basename=str(path))
    # Even if nothing ran, the file must record which of the two it holds.
    (data.add_arcs if branch else data.add_lines)({})
    for context, by_path in files.items():
        data.set_context(_escape_script_end(context))
        if branch:
            data.add_arcs({file: sorted(lines.arcs or ()) for file, lines in by_path.items()})
        else:
            data.add_lines({file: from_bitmap(lines.lines) for file, lines in by_path.items()})
    data.set_context("")
    data.touch_files(sorted(file for file in source_files if os.path.exists(file)))
    data.write()
    data.close()


def _escape_script_end(context: str) -> str:
    """Escape what ends a script, because coverage.py before 7.16 writes contexts, which clients choose, into one."""
    return context.replace("</", "<\\/").replace("<!--", "<\\!--")
