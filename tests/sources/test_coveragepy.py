"""Tests of coveragepy: configurations are read as by coverage.py's own commands, and errors in them are one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import coverage
import pytest

from flask_livecoverage import ConfigurationError
from flask_livecoverage.sources.coveragepy import FileChooser, StatementAnalyser, make_coverage

PLUGIN = """
    import coverage

    class LeaveOut(coverage.CoveragePlugin):
        def configure(self, config):
            config.set_option("report:exclude_lines", ["# not counted"])

    def coverage_init(registry, options):
        registry.add_configurer(LeaveOut())
"""

# The file, its content, and a part of the error message.
UNUSABLE = {
    "not UTF-8": (".coveragerc", b"[run]\n# caf\xe9\nbranch = False\n", ".coveragerc is not encoded in UTF-8"),
    "another one, not UTF-8": ("tox.ini", b"[coverage:run]\n# caf\xe9\n", "tox.ini is not encoded in UTF-8"),
    "a broken section": (
        ".coveragerc",
        b"[run\nbranch = True\n",
        "Couldn't read config file .coveragerc: File contains",
    ),
    "no section": ("setup.cfg", b"branch = True\n", "Couldn't read config file setup.cfg: File contains"),
    "a section twice": (".coveragerc", b"[run]\nbranch=1\n[run]\n", "section 'run' already exists"),
    "no truth value": (".coveragerc", b"[run]\nbranch = perhaps\n", "Not a boolean: perhaps"),
    "no expression": (".coveragerc", b"[report]\nexclude_lines = (\n", "Invalid [report].exclude_lines value '('"),
    "no TOML": ("pyproject.toml", b"[tool.coverage.run\n", "Couldn't read config file pyproject.toml"),
    "no table": ("pyproject.toml", b"[tool.coverage]\nrun = 'branch'\n", "coverage.py's configuration: "),
    "a plugin that is not installed": (".coveragerc", b"[run]\nplugins = no_such\n", "the plugin 'no_such' in /"),
    "a plugin that is none": (".coveragerc", b"[run]\nplugins = json\n", "'json' didn't define a coverage_init"),
    "a plugin that fails": (".coveragerc", b"[run]\nplugins = divides\n", "(ZeroDivisionError: division by zero)"),
    "a plugin that cannot configure": (
        ".coveragerc",
        b"[run]\nplugins = cannot\n",
        "cannot be used (KeyError: 'run:x')",
    ),
}
CANNOT_CONFIGURE = PLUGIN.replace(
    'config.set_option("report:exclude_lines", ["# not counted"])', 'raise KeyError("run:x")'
)


@pytest.fixture(autouse=True)
def _imported_plugins() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in {"leave_out", "divides", "cannot"} & (sys.modules.keys() - before):
        del sys.modules[name]


@pytest.mark.parametrize("make", [make_coverage, FileChooser, StatementAnalyser])
@pytest.mark.parametrize(("name", "content", "expected"), UNUSABLE.values(), ids=UNUSABLE)
def test_invalid_configuration_is_one_line(
    write_module: Callable[..., Path], make: Callable[[], object], name: str, content: bytes, expected: str
) -> None:
    write_module("1 / 0", "divides")
    write_module(CANNOT_CONFIGURE, "cannot")
    Path(name).write_bytes(content)
    path = list(sys.path)
    with pytest.raises(ConfigurationError) as caught:
        make()
    message = str(caught.value)
    assert message.startswith("coverage.py's configuration: ")
    assert expected in message
    assert "\n" not in message
    assert sys.path == path


def test_plugin_in_the_working_directory(write_module: Callable[..., Path]) -> None:
    """Also if that is not on the path, as under the ``flask`` script."""
    assert not {"", str(Path.cwd())} & {*sys.path}
    write_module(PLUGIN, "leave_out")
    source = write_module("first = 1\nsecond = 2  # not counted\n", "source")
    Path(".coveragerc").write_text("[run]\nplugins = leave_out\n")
    path = list(sys.path)

    analysis = StatementAnalyser().analyse(str(source))

    assert (analysis.statements, analysis.excluded) == (1 << 1, 1 << 2)
    assert sys.path == path
    # coverage.py itself finds the plugin now because it is imported.
    measured = coverage.Coverage(data_file=None)
    assert measured.analysis2(str(source))[1:3] == ([1], [2])
    measured.get_data().close(force=True)


def test_working_directory_precedes_an_installed_plugin_of_the_same_name(
    write_module: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As under ``coverage run``, where the working directory comes first."""
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "leave_out.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(installed)
    write_module(PLUGIN, "leave_out")
    Path(".coveragerc").write_text("[run]\nplugins = leave_out\n")
    assert make_coverage().get_option("report:exclude_lines") == ["# not counted"]


def test_without_a_configuration_no_plugin_is_loaded() -> None:
    assert json.dumps(make_coverage().get_option("run:plugins")) == "[]"
