"""coverage.py's own reports, from a data file with contexts that is written here."""

from __future__ import annotations

import io
import json
import os
import tempfile
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
    """The reports on some runs; made by :func:`open_reports`."""

    def __init__(
        self, cov: coverage.Coverage, data_file: Path, warnings: Sequence[str], elsewhere: Sequence[str] = ()
    ) -> None:
        self.warnings = warnings
        # What coverage.py's relative paths are relative to.
        self.folder = os.getcwd()
        # Files that were recorded and are not here, where none of the others is as it was either.
        self._elsewhere = elsewhere
        self._coverage = cov
        self._data_file = data_file

    def text(self, *, show_missing: bool = False, markdown: bool = False) -> str:
        """The table that ``coverage report`` prints."""
        output = io.StringIO()
        self._report(
            self._coverage.report,
            file=output,
            output_format="markdown" if markdown else "text",
            # None leaves the choice to the user's configuration.
            show_missing=show_missing or None,
        )
        return output.getvalue()

    def total(self) -> float:
        """Percent covered, as ``coverage report`` counts."""
        return self._report(self._coverage.report, file=io.StringIO(), output_format="total")

    def html(self, directory: Path | None = None) -> Path:
        """Write the HTML report, contexts shown, and return its first page. Default: where the configuration says."""
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
        """The XML report, Cobertura's format."""
        return self._read_report(self._coverage.xml_report, "coverage.xml")

    def lcov(self) -> str:
        """The LCOV report."""
        return self._read_report(self._coverage.lcov_report, "coverage.lcov")

    def json(self) -> str:
        """coverage.py's JSON report, with contexts."""
        return self._read_report(self._coverage.json_report, "coverage.json", show_contexts=True)

    def json_object(self) -> dict[str, Any]:
        """coverage.py's JSON report, read."""
        report: dict[str, Any] = json.loads(self._read_report(self._coverage.json_report, "coverage.json"))
        return report

    def data(self) -> bytes:
        """The data file, which ``coverage report --data-file`` and all else of coverage.py's reads."""
        return self._data_file.read_bytes()

    def default_output(self, option: str) -> Path:
        """The file name that the user's configuration has for a report, such as ``xml:output``."""
        # Asked of a configuration of its own: our object writes its data into a temporary file.
        return Path(str(coveragepy.make_coverage().get_option(option)))

    def fail_under_message(self, fail_under: float | None) -> str | None:
        """A line saying that the total is below ``fail_under`` (default: the configuration's), or None if it is not."""
        configured, precision = coveragepy.fail_under_setting(self._coverage)
        wanted = configured if fail_under is None else fail_under
        if not wanted:
            return None
        total = self.total()
        if not coveragepy.below_fail_under(total, wanted, precision):
            return None
        return f"Coverage failure: total of {total:.{precision}f} is less than fail-under={wanted:.{precision}f}"

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
            raise DataError(_why_nothing(self._elsewhere)) from None
        except (NoSource, NotPython) as error:
            raise ConfigurationError(
                f"coverage.py cannot report: {' '.join(str(error).split())}; `omit` the file, or set ignore_errors = "
                "True in the [report] section of coverage.py's configuration"
            ) from error
        except coverage.CoverageException as error:
            raise ConfigurationError(f"coverage.py cannot report: {error}") from error


@contextmanager
def open_reports(runs: Sequence[Run], *, contexts: str | None = None) -> Iterator[Reports]:
    """The reports on ``runs`` under the user's coverage.py configuration.

    ``contexts`` is one of :data:`~.contexts.CONTEXTS`; default: ``test`` where requests name tests, else ``route``.
    Raises DataError where runs with and without branches would be mixed.
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
            gone = () if any(files.values()) else filter(_is_gone, map(local_path, sorted(_recorded_paths(runs))))
            yield Reports(cov, Path(folder) / "coverage", warnings, list(gone))


def _is_gone(path: str) -> bool:
    return not os.path.exists(path)


def no_recorded_file(example: str) -> str:
    """What to do where no recorded file is, such as ``example``."""
    return (
        f"none of the recorded files is here, such as {example}: where the server has them in another place, in a "
        "container say, map its paths to yours with [paths] in coverage.py's configuration"
    )


def _why_nothing(elsewhere: Sequence[str]) -> str:
    if elsewhere:
        return no_recorded_file(elsewhere[0])
    return (
        "no application code was measured: is the code that you want measured outside of `source`, or installed? Name "
        "it with --source PACKAGE_OR_FOLDER"
    )


@contextmanager
def _combined(collected: Path, path: Path) -> Iterator[coverage.Coverage]:
    """A ``Coverage`` with the data of ``collected`` in ``path``, file names changed as the configuration wants it."""
    cov = coveragepy.make_coverage(data_file=str(path))
    try:
        cov.combine([str(collected)], strict=True)
        cov.save()
        # Done now. Each report would do it again, in databases of its own that nobody closes.
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
    """Tells where a file that was recorded elsewhere (in a container, say) is here, by the configuration's [paths]."""
    if not coveragepy.make_coverage(data_file=None).get_option("paths"):
        return str
    # What combining makes of a path can only be read from its result: each goes in under a context of its own.
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
    # Even where nothing ran, the file must say which of the two it holds.
    (data.add_arcs if branch else data.add_lines)({})
    for context, by_path in files.items():
        data.set_context(_harmless(context))
        if branch:
            data.add_arcs({file: sorted(lines.arcs or ()) for file, lines in by_path.items()})
        else:
            data.add_lines({file: from_bitmap(lines.lines) for file, lines in by_path.items()})
    data.set_context("")
    data.touch_files(sorted(file for file in source_files if os.path.exists(file)))
    data.write()
    data.close()


def _harmless(context: str) -> str:
    """``context`` without what ends a script: clients choose it, and coverage.py before 7.16 writes it into one."""
    return context.replace("</", "<\\/").replace("<!--", "<\\!--")
