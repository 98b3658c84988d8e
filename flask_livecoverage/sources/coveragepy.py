"""The only module that uses coverage.py's internals.

Two things that are needed here are not in coverage.py's public interface: the decision whether a file is measured
(``InOrOut``), and the C tracer. Both are used as coverage.py uses them itself; the test suite runs against the oldest
and the newest coverage.py that the package allows.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import coverage
import coverage.files
from coverage.config import CoverageConfig, config_files_to_try
from coverage.disposition import FileDisposition, disposition_init
from coverage.exceptions import ConfigError
from coverage.files import GlobMatcher, prep_patterns, zip_location
from coverage.inorout import InOrOut
from coverage.python import PythonFileReporter
from coverage.results import Numbers, should_fail_under
from coverage.results import format_lines as _format_lines

from ..errors import ConfigurationError, EngineError
from ..model.bitmap import to_bitmap
from ..model.bounded import make_room
from ..model.records import FileStatements
from .ast_guard import parsing

try:
    from coverage.tracer import CFileDisposition, CTracer
except ImportError:  # coverage.py was installed without its C extension
    CTracer = CFileDisposition = None  # type: ignore[assignment, misc]

Disposition = Any
ShouldTrace = Callable[[str, FrameType], Disposition]
TraceData = MutableMapping[str, set[int]]
TraceFunction = Callable[..., Any]

HAS_CTRACER = CTracer is not None

# coverage.py 7.14 widened line numbers for files of more than a million lines (see `CTracer_record_pair` in its
# tracer.c).
_ARC_BITS = 28 if coverage.version_info >= (7, 14) else 20
_ARC_MASK = (1 << _ARC_BITS) - 1


def unpack_arc(packed: int) -> tuple[int, int]:
    """Return the pair of line numbers in one of the C tracer's packed arcs."""
    first = packed & _ARC_MASK
    second = packed >> _ARC_BITS & _ARC_MASK
    if packed >> 2 * _ARC_BITS & 1:
        first = -first
    if packed >> 2 * _ARC_BITS + 1 & 1:
        second = -second
    return first, second


def pack_arc(first: int, second: int) -> int:
    """Pack a pair of line numbers as the C tracer does."""
    signs = (first < 0) << 2 * _ARC_BITS | (second < 0) << 2 * _ARC_BITS + 1
    return signs | abs(second) << _ARC_BITS | abs(first)


def make_coverage(source: Sequence[str] = (), **options: Any) -> coverage.Coverage:
    """Return a ``Coverage`` object under the user's own configuration; ``source`` replaces its ``source``.

    Its plugins are loaded, those in the working directory included, as under ``coverage run``. Raises
    ConfigurationError if coverage.py cannot use the configuration.
    """
    try:
        cov = coverage.Coverage(source=list(source) or None, **options)
    # Not every error in a file is a CoverageException: before coverage.py 7.11, not even ConfigError is.
    except Exception as error:
        raise _configuration_error(error) from error
    try:
        with _loading(cov.config.plugins):
            cov._init()
    except Exception as error:
        raise _plugin_error(cov, error) from error
    return cov


def _configuration_error(error: Exception) -> ConfigurationError:
    if isinstance(error, UnicodeDecodeError):
        return ConfigurationError(
            f"coverage.py's configuration: {_undecodable_file()} is not encoded in UTF-8 ({error}): save it as UTF-8"
        )
    return ConfigurationError(f"coverage.py's configuration: {_one_line(error)}")


def _plugin_error(cov: coverage.Coverage, error: Exception) -> ConfigurationError:
    # None once all are loaded, when the configuration by one of them has failed.
    name = cov._plugins.current_module
    which = f"the plugin {name!r}" if name else "a plugin"
    file = cov.config.config_file or "its configuration"
    return ConfigurationError(
        f"coverage.py's configuration: {which} in {file} cannot be used ({_one_line(error)}): install or repair it, or "
        "remove it from `plugins` there"
    )


def _one_line(error: Exception) -> str:
    """Return the message of ``error`` in one line, preceded by its type unless the message is coverage.py's own."""
    written = isinstance(error, coverage.CoverageException | ConfigError)
    return " ".join((str(error) if written else f"{type(error).__name__}: {error}").split())


def _undecodable_file() -> str:
    """Return the name of the configuration file that coverage.py could not decode."""
    for name, *_ in config_files_to_try(True):
        try:
            Path(name).read_text(encoding="utf-8")
        except OSError:
            continue
        except UnicodeDecodeError:
            return name
    return "its file"


# True while plugins are being loaded, because imports at that time are the plugins', not the start of the application.
loading_plugins = False


@contextmanager
def _loading(plugins: Iterable[str]) -> Iterator[None]:
    """A block in which ``plugins`` can be imported from the working directory, as by coverage.py's own commands."""
    global loading_plugins
    if all(name in sys.modules for name in plugins):
        yield
        return
    folder = os.getcwd()
    sys.path.insert(0, folder)
    loading_plugins = True
    try:
        yield
    finally:
        loading_plugins = False
        # A plugin may have rearranged it.
        with suppress(ValueError):
            sys.path.remove(folder)


def archive_of(path: str) -> tuple[str, str] | None:
    """Return the archive that contains the file at ``path`` and its name there, if coverage.py can read it; else None.

    To the import system, and in paths, an archive is a folder: ``lib.zip/module.py``.
    """
    return zip_location(path)


class FileChooser:
    """Decides which files are measured under the user's configuration, as coverage.py does."""

    def __init__(self, source: Sequence[str] = ()) -> None:
        self._coverage = make_coverage(source, data_file=None)
        self._plugins = self._coverage._plugins
        try:
            self._in_or_out = InOrOut(
                config=self.config,
                warn=lambda *args, **kwargs: None,
                debug=None,
                include_namespace_packages=self.config.include_namespace_packages,
            )
        except (coverage.CoverageException, ConfigError) as error:
            raise _configuration_error(error) from error
        self._in_or_out.plugins = self._plugins
        # The C tracer accepts only its own class; all other users accept either.
        self._in_or_out.disp_class = CFileDisposition if HAS_CTRACER else FileDisposition

    @property
    def config(self) -> CoverageConfig:
        """coverage.py's configuration."""
        return self._coverage.config

    @property
    def file_tracer_plugins(self) -> list[str]:
        """The names of the configured plugins that trace files other than Python files."""
        return [plugin._coverage_plugin_name for plugin in self._plugins.file_tracers]

    def disable_file_tracers(self) -> None:
        """Measure only Python files, as coverage.py does itself where its core supports no plugins."""
        for plugin in self._plugins.file_tracers:
            plugin._coverage_enabled = False

    def disposition(self, filename: str, frame: FrameType | None) -> Disposition:
        """Return coverage.py's decision on the code in ``filename`` that ``frame`` runs.

        Its ``trace`` is true if the code is measured, ``source_filename`` is the canonical path.
        """
        make_room(coverage.files.CANONICAL_FILENAME_CACHE)
        try:
            return self._in_or_out.should_trace(filename, frame)
        except OSError:
            # The working directory was removed, and the name is relative. The application must not get this error.
            return disposition_init(self._in_or_out.disp_class, filename)

    def possible_files(self) -> Iterable[str]:
        """Return all files inside the configured ``source``, executed or not; nothing without one."""
        return (path for path, _plugin in self._in_or_out.find_possibly_unexecuted_files())


class StatementAnalyser:
    """Determines which lines of a file count in reports under the user's configuration.

    Raises ConfigurationError if coverage.py cannot use it.
    """

    def __init__(self) -> None:
        self._coverage = make_coverage(data_file=None)
        config = self._coverage.config
        self._include = _matcher(config.report_include, "report_include")
        self._omit = _matcher(config.report_omit, "report_omit")
        rules = (coverage.__version__, sys.version, *config.exclude_list)
        self.rules = hashlib.sha256("\0".join(rules).encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def reports_on(self, path: str) -> bool:
        """True if the configuration includes the file in reports."""
        return (self._include is None or self._include.match(path)) and not (self._omit and self._omit.match(path))

    def percent(self, executed: int, statements: int, more_digits: int = 0) -> str:
        """Format percent covered with the configured precision; 0 and 100 stand for exactly none and all."""
        precision = self._coverage.config.precision + more_digits
        return Numbers(precision, n_statements=statements, n_missing=statements - executed).pc_covered_str

    def is_below(self, percent: float, minimum: float) -> bool:
        """True if ``percent`` misses ``minimum`` at the configured precision, by the rule for ``fail_under``."""
        return below_fail_under(percent, minimum, self._coverage.config.precision)

    def analyse(self, path: str) -> FileStatements:
        """Return the lines that count in the file at ``path``. Raises CoverageException if it is no readable Python."""
        reporter = PythonFileReporter(path, self._coverage)
        with parsing():
            statements = reporter.lines()
        # The reporter maps a set of lines to a set of statements, so each line is translated alone.
        lines_of = defaultdict(set)
        for line in range(1, reporter.source().count("\n") + 2):
            for first in reporter.translate_lines([line]):
                lines_of[first].add(line)
        multiline = [
            (first, to_bitmap({first, *lines})) for first, lines in sorted(lines_of.items()) if lines - {first}
        ]
        return FileStatements(to_bitmap(statements), to_bitmap(reporter.excluded_lines()), multiline)

    def analyse_or_explain(self, path: str, shown: str | None = None) -> FileStatements | str:
        """As :meth:`analyse`, or the reason why it cannot be done, in one line, which calls the file ``shown``."""
        try:
            return self.analyse(path)
        except (coverage.CoverageException, SyntaxError, ValueError) as error:
            return " ".join(str(error).replace(path, shown or path).split())


def _matcher(patterns: Sequence[str] | None, name: str) -> GlobMatcher | None:
    return GlobMatcher(prep_patterns(patterns), name) if patterns else None


class Tracer(CTracer or object):  # type: ignore[misc]
    """A C tracer of this package. Its type distinguishes it from one that belongs to a running ``Coverage``.

    Python calls the object only after other code has set another trace function, or has restored this one with
    ``sys.settrace``: until then, Python calls the C function itself.
    """

    when_called: TraceFunction

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Delegate to ``when_called``."""
        return self.when_called(self, frame, event, argument)


def make_tracer(
    data: TraceData,
    should_trace: ShouldTrace,
    cache: dict[str, Disposition],
    *,
    branch: bool,
    when_called: Callable[[Tracer, FrameType, str, Any], Any],
) -> Tracer:
    """Create a C tracer that writes into ``data``, not started yet. Raises EngineError where coverage.py has none."""
    if not HAS_CTRACER:
        raise EngineError(
            "the ctrace engine needs coverage.py's C extension, which this installation lacks: reinstall coverage, or "
            "use Python 3.12 or newer"
        )
    tracer = Tracer()
    tracer.data = data
    tracer.trace_arcs = branch
    tracer.should_trace = should_trace
    tracer.should_trace_cache = cache
    tracer.file_tracers = {}
    # Set to None explicitly, because the C code compares these only with None.
    tracer.concur_id_func = tracer.should_start_context = tracer.switch_context = None
    tracer.check_include = lambda filename, frame: True
    tracer.warn = lambda *args, **kwargs: None
    tracer.disable_plugin = lambda disposition: None
    # Called for each function that begins, so without a lock, and not a function written in Python.
    tracer.lock_data = tracer.unlock_data = bool
    tracer.when_called = when_called
    return tracer


def report_event(tracer: Any, frame: FrameType, event: str, argument: Any = None) -> Any:
    """Deliver an event to a C tracer. The event ``call`` makes it the thread's trace function."""
    return CTracer.__call__(tracer, frame, event, argument)


def enter_frames(tracer: Any, frame: FrameType | None) -> None:
    """Register ``frame`` and its callers with ``tracer``, as if it had seen them begin.

    Python must not trace meanwhile. No line is recorded. The tracer only learns which line of each frame ran last.
    """
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    for entered in reversed(frames):
        report_event(tracer, entered, "call")
        if tracer.trace_arcs:
            # The tracer takes some frames for new ones. The event of the line is needed so that the next line's arc
            # starts from it, but the arcs that it records itself have not run here.
            line, arcs = _line(entered), _arcs(tracer, entered)
            invented = {pack_arc(line, line), pack_arc(-entered.f_code.co_firstlineno, line)} - arcs
            report_event(tracer, entered, "line")
            arcs -= invented


def report_line(tracer: Any, frame: FrameType, previous_line: int) -> Any:
    """Deliver to ``tracer`` the current line of a frame that was registered on it, which follows ``previous_line``."""
    if not tracer.trace_arcs:
        return report_event(tracer, frame, "line")
    line, arcs = _line(frame), _arcs(tracer, frame)
    invented = {pack_arc(line, line)} - arcs
    trace = report_event(tracer, frame, "line")
    arcs -= invented
    arcs.add(pack_arc(previous_line, line))
    return trace


def _line(frame: FrameType) -> int:
    return frame.f_lineno or frame.f_code.co_firstlineno


def _arcs(tracer: Any, frame: FrameType) -> set[int]:
    disposition = tracer.should_trace_cache.get(frame.f_code.co_filename)
    # None if an application with ever more file names has just evicted it.
    is_traced = disposition is not None and disposition.trace
    arcs: set[int] = tracer.data.get(disposition.source_filename, set()) if is_traced else set()
    return arcs


def is_ctracer(trace_function: object) -> bool:
    """True if ``trace_function`` (from ``sys.gettrace()``) is a C tracer, of this package or of another."""
    return HAS_CTRACER and isinstance(trace_function, CTracer)


def below_fail_under(total: float, fail_under: float, precision: int) -> bool:
    """True if ``total`` percent misses ``fail_under``, by coverage.py's rule for rounding."""
    return should_fail_under(total, fail_under, precision)


def fail_under_setting(cov: coverage.Coverage) -> tuple[float, int]:
    """Return ``fail_under`` and ``precision`` from the user's configuration."""
    return cov.config.fail_under, cov.config.precision


def format_lines(statements: Iterable[int], lines: Iterable[int]) -> str:
    """Format the ``statements`` that are in ``lines`` as coverage.py's reports print missing ones: ``12-14, 20``."""
    return _format_lines(statements, lines)


def executed_only(data: Mapping[str, set[int]]) -> dict[str, set[int]]:
    """Copy trace data without the files in which nothing ran.

    Both copies are single C calls, because a tracer in another thread may add to ``data`` meanwhile.
    """
    return {path: lines.copy() for path, lines in list(data.items()) if lines}
