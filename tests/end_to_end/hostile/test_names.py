"""Hostile names of tests, paths and methods: unchanged in output for programs, harmless in output for people.

Tests ``model.text``.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import yaml
from click.testing import CliRunner
from coverage import CoverageData
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from selenium import webdriver
from selenium.webdriver.common.by import By
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_livecoverage import ConfigurationError, LiveCoverage
from flask_livecoverage.cli import livecov
from flask_livecoverage.keploy import dedup_yaml
from flask_livecoverage.keploy.duplicates_yaml import write_duplicates
from flask_livecoverage.model.text import printable, stored_text

from .servers import PREFIX

NAMES = [
    "</script><script>window.harmed=1</script>", '<img src=x onerror="window.harmed=1">', "<!--<script>",
    '"><svg onload="window.harmed=1">', "';window.harmed=1;//", "`${window.harmed=1}`", "]]>", "&lt;",
    "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\x9b2J", "a\rb", "a\nb", "end_of_record\nSF:/etc/passwd", "| a | b |",
    "a\x00b", "a\x85b", "a\u2028window.harmed=1\u2029", "\u202eright to left", "zero\u200bwidth", "\ufeffmark",
    "../../../tmp/x", "/etc/passwd", "..", "C:\\x", "a\\b", "a\tb", "%s%n%x", "{0.__class__}", "- a", "!!x y", "a: b",
    "null", "1", "set/test", "tests/test_a.py::test_b[\x1b[1m]", "-rf", "--help", "'", '"', "\N{PILE OF POO}" * 3,
]  # fmt: skip
ESCAPES = {"\x1b", "\x07", "\x9b", "\r", "\x00", "\x85", "\u202e", "\u200b", "\u2028", "\ufeff"}


def send(app: Flask, path: str = "/tea", method: str = "GET", **environ: str) -> dict[str, str]:
    """Call the application as a server does that accepts everything, and return the response's headers."""
    builder = EnvironBuilder()
    sent = {**builder.get_environ(), "REMOTE_ADDR": "127.0.0.1", "REQUEST_METHOD": method, "PATH_INFO": path, **environ}
    builder.close()
    return dict(run_wsgi_app(app, sent, buffered=True)[2].items())


def octets(text: str) -> str:
    """``text`` in UTF-8, in the form in which WSGI passes bytes."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def dump(app: Flask, **parameters: str) -> Any:
    response = app.test_client().get(f"{PREFIX}/dump", query_string=parameters)
    assert response.status_code == 200, response.text
    return response.get_json() if parameters.get("format", "json") == "json" else response


@pytest.fixture
def recorded(app: Flask, tmp_path: Path) -> list[str]:
    """The names of the tests that were recorded, each by one request to a path of that name."""
    for name in NAMES:
        send(app, f"/{octets(name)}", "\x1b[2JGET", HTTP_BAGGAGE=f"livecov.test={quote(name)}")
        send(app, HTTP_BAGGAGE=f"livecov.test={quote(name)}")
    return [name.replace("\0", "\ufffd").strip() for name in NAMES]


class TestSizes:
    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("HTTP_LIVECOV_TEST", "x" * 1_000_000),
            ("HTTP_BAGGAGE", "a=b," * 200_000 + "livecov.test=" + "x" * 1_000_000),
            ("HTTP_COOKIE", "a=b; " * 200_000 + "livecov_test=" + "x" * 1_000_000),
            ("HTTP_KEPLOY_TEST_ID", "x" * 1_000_000),
        ],
    )
    def test_a_megabyte_of_a_name(self, app: Flask, header: str, value: str) -> None:
        send(app, **{header: value})
        (request,) = dump(app)["requests"]
        assert request["test"] == "x" * 1000

    def test_a_megabyte_of_a_path_and_a_method(self, app: Flask) -> None:
        send(app, "/" + "x" * 1_000_000, "M" * 1_000_000)
        (request,) = dump(app)["requests"]
        assert (request["path"], request["method"]) == ("/" + "x" * 1999, "M" * 40)
        (journal,) = Path(".livecov").glob("runs/*/journal-*")
        assert journal.stat().st_size < 10_000

    @pytest.mark.parametrize(
        "header", ["", "\0", "=", ";,=" * 300_000, "livecov.test", "\xff" * 1000, "\ud800", "\u0105"]
    )
    def test_nonsense_fails_no_request(self, app: Flask, header: str) -> None:
        names = ["HTTP_LIVECOV_TEST", "HTTP_BAGGAGE", "HTTP_COOKIE", "HTTP_KEPLOY_TEST_ID", "HTTP_KEPLOY_TEST_SET_ID"]
        for name in names:
            send(app, **{name: header})
        send(app, f"/{octets(header)}", header)
        assert len(dump(app)["requests"]) == len(names) + 1
        assert app.test_client().get(f"{PREFIX}/requests").get_json()["total"] == len(names) + 1

    @pytest.mark.parametrize(
        ("path", "recorded"),
        [("/caf\xc3\xa9", "/caf\xe9"), ("/caf\xe9", "/caf\ufffd"), ("/\xff\xfe", "/\ufffd\ufffd"), ("/\u0105", "/?")],
    )
    def test_bytes_of_a_path(self, app: Flask, path: str, recorded: str) -> None:
        """UTF-8, other bytes, and a character that is no byte but that some servers accept."""
        # Flask fails at the last one, with or without the extension.
        with contextlib.suppress(UnicodeEncodeError):
            send(app, path)
        assert dump(app)["requests"][0]["path"] == recorded


class TestPrograms:
    """JSON, YAML, coverage data and the store contain the names unchanged, except that NUL is stored as U+FFFD."""

    def test_json(self, app: Flask, recorded: list[str]) -> None:
        assert [request["test"] for request in dump(app)["requests"][1::2]] == recorded
        paths = [request["path"] for request in dump(app)["requests"][::2]]
        assert paths == [f"/{name}".replace("\0", "\ufffd") for name in NAMES]

    def test_filter_finds_each(self, app: Flask, recorded: list[str]) -> None:
        client = app.test_client()
        for name in NAMES[::3]:
            found = client.get(f"{PREFIX}/requests", query_string={"test": name.strip()}).get_json()
            assert found["total"] == 2, name

    def test_coverage_data(self, app: Flask, recorded: list[str]) -> None:
        Path("data").write_bytes(dump(app, format="coverage").data)
        data = CoverageData("data")
        data.read()
        # coverage.py before 7.16 puts names into a script as they are.
        harmless = {name.replace("</", "<\\/").replace("<!--", "<\\!--") for name in recorded}
        assert data.measured_contexts() - {"", "(startup)"} == harmless
        data.close()

    def test_dedup_yaml(self, app: Flask, recorded: list[str]) -> None:
        found = yaml.safe_load(dump(app, format="dedup").text)
        assert {test["id"] for test in found} == set(recorded)

    @pytest.mark.parametrize("dumper", ["as it is", "without libyaml"])
    def test_yaml_comes_back_whole(self, dumper: str, monkeypatch: pytest.MonkeyPatch) -> None:
        if dumper == "without libyaml":

            class Pure(yaml.SafeDumper):
                represent_text = dedup_yaml.Dumper.represent_text

            Pure.add_representer(str, Pure.represent_text)
            monkeypatch.setattr(dedup_yaml, "Dumper", Pure)
        names = st.text(min_size=1).map(lambda text: stored_text(text, 1000)) | st.sampled_from(NAMES)

        @settings(max_examples=30, deadline=None, database=None, derandomize=True)
        @given(st.lists(names, min_size=1, max_size=4, unique=True))
        def check(ids: list[str]) -> None:
            text = dedup_yaml.write_dedup({test: {"/a.py": [1, 2]} for test in ids})
            Path("dedupData.yaml").write_text(text, encoding="utf-8", newline="")
            assert dedup_yaml.read_dedup("dedupData.yaml") == {test: {"/a.py": 0b110} for test in ids}
            found = yaml.safe_load(write_duplicates(ids))
            flat = (
                found
                if isinstance(found, list)
                else [f"{set_}/{name}" for set_, names in found.items() for name in names]
            )
            assert sorted(flat) == sorted(ids)

        check()

    def test_reports_do_not_contain_them(self, app: Flask, recorded: list[str]) -> None:
        harmless = {"application.py"}
        xml = ElementTree.fromstring(dump(app, format="xml").text)
        assert {file.get("filename") for file in xml.iter("class")} == harmless
        lcov = dump(app, format="lcov").text
        assert {line[3:] for line in lcov.splitlines() if line.startswith("SF:")} == harmless
        rows = list(csv.reader(io.StringIO(dump(app, format="markdown").text), delimiter="|"))
        assert {len(row) for row in rows} == {6}
        for report_format in ("xml", "lcov", "markdown", "text"):
            assert not ESCAPES & set(dump(app, format=report_format).text)


class TestFiles:
    @pytest.fixture
    def umask(self) -> Iterator[None]:
        before = os.umask(0o077)
        yield
        os.umask(before)

    def test_umask_keeps_others_out(self, umask: None, app: Flask) -> None:
        send(app)
        client = app.test_client()
        client.get(f"{PREFIX}/requests")
        client.post(f"{PREFIX}/reset")
        client.get(f"{PREFIX}/start")
        found = list(Path(".livecov").rglob("*"))
        assert {path.suffix for path in found} >= {".jsonl", ".sqlite3", ".window"}
        assert [path for path in (Path(".livecov"), *found) if path.stat().st_mode & 0o077] == []

    def test_nothing_is_written_outside_the_data_directory(
        self, app: Flask, recorded: list[str], tmp_path: Path
    ) -> None:
        for report_format in ("html", "coverage", "dedup", "json"):
            for contexts in ("test", "request"):
                response = app.test_client().get(f"{PREFIX}/dump?format={report_format}&contexts={contexts}")
                assert response.headers.get("Content-Disposition", "").partition("=")[2] in (
                    "", '"htmlcov.zip"', '".coverage"', '"dedupData.yaml"',
                )  # fmt: skip
        (run,) = (tmp_path / ".livecov" / "runs").iterdir()
        assert {path.name for path in tmp_path.iterdir()} <= {".livecov", "application.py", "__pycache__"}
        assert len(list(run.glob("journal-*.jsonl"))) == len(
            [path for path in run.iterdir() if "marks" not in path.name]
        )

    def test_nothing_else_is_recorded(self, app: Flask) -> None:
        """No query, header, body or response is recorded, as documented in docs/security.rst."""
        sent = {"QUERY_STRING": "q=sekret", "HTTP_COOKIE": "s=sekret", "HTTP_AUTHORIZATION": "sekret"}
        send(app, method="POST", CONTENT_TYPE="text/sekret", HTTP_X_SEKRET="sekret", **sent)
        app.test_client().get(f"{PREFIX}/requests")
        files = [path for path in Path(".livecov").rglob("*") if path.is_file()]
        assert {path.suffix for path in files} >= {".jsonl", ".sqlite3"}
        assert [path for path in files if b"sekret" in path.read_bytes() or b"brewed" in path.read_bytes()] == []

    def test_archive_contains_only_the_report(self, app: Flask, recorded: list[str]) -> None:
        with zipfile.ZipFile(io.BytesIO(dump(app, format="html", contexts="request").data)) as archive:
            assert all(name.startswith("htmlcov/") and ".." not in name for name in archive.namelist())
            assert {name for name in archive.namelist() if "tea" in name or "passwd" in name} == set()

    def test_headers(self, app: Flask) -> None:
        found = send(app, HTTP_LIVECOV_TEST="a\r\nSet-Cookie: a=b", QUERY_STRING="\r\nX: y")
        assert found.keys() == {"Content-Type", "Content-Length", "Livecov-Request"}
        assert found["Livecov-Request"].isprintable()


@pytest.fixture
def invoke(recorded: list[str]) -> Iterator[Callable[..., str]]:
    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(livecov, arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.output

    return invoke


class TestTerminal:
    """Output for people contains no control characters and no invisible characters."""

    @pytest.mark.parametrize(
        "command",
        [
            "requests", "requests --limit 0", "tests", "routes", "dedup --by test", "dedup --by request", "minimise",
            "minimise --format names", "status", "report", "report --format term-missing", "report --format markdown",
            "who application.py:7", "requests --test {}", "tests {}", "diff {} {} --by test", "diff {} nothing",
            "requests {}", "routes {}", "report --run {}", "report --data-dir {}", "dedup --input {}",
        ],
    )  # fmt: skip
    def test_tables_and_messages(self, invoke: Callable[..., str], command: str) -> None:
        names = [name for name in NAMES if ESCAPES & {*name} - {"\0"}][:4] if "{}" in command else [""]
        for name in names:
            output = invoke(*(word.replace("{}", name) for word in command.split(" ")))
            assert output
            assert [line for line in output.split("\n") if not line.isprintable()] == []

    def test_lists_that_are_no_tables(self, app: Flask) -> None:
        for name, path in (("busy\x1b[2J\u202e", "/tea"), ("idle\x1b[2J\u202e", "/nowhere")):
            send(app, path, HTTP_BAGGAGE=f"livecov.test={quote(name)}")
        chosen, found = (
            CliRunner().invoke(livecov, command.split()).output for command in ("minimise --format names", "dedup")
        )
        assert chosen == "busy\\x1b[2J\\u202e\n"
        assert r"compared with nothing: 1 test (idle\x1b[2J\u202e)." in found

    def test_each_has_a_line(self, invoke: Callable[..., str]) -> None:
        rows = invoke("tests").split("\n\n")[0].splitlines()[2:]
        assert len(rows) == len(NAMES)
        assert len({row.rsplit(None, 4)[0] for row in rows}) == len(NAMES)
        assert sum(r"\x1b[2J\x1b[31mred" in row for row in rows) == 1

    @pytest.mark.parametrize("command", ["requests --limit 0", "tests", "routes", "dedup", "minimise"])
    def test_programs_get_them_unchanged(self, invoke: Callable[..., str], command: str, recorded: list[str]) -> None:
        output = invoke(*command.split(), "--format", "json")
        assert output.isascii()
        if command in ("tests", "dedup"):
            assert all(json.dumps(name) in output for name in recorded)

    def test_server_answers_are_shown_the_same_way(self) -> None:
        assert printable("\x1b[2J\n\u202e caf\xe9 \u2713") == r"\x1b[2J\n\u202e café ✓"


class TestWindows:
    @pytest.mark.parametrize("name", ["", "a\nb", "\x1b[2J", "x" * 1001, "\ud800", "\u202e"])
    def test_api_refuses_the_same_names_as_the_route(self, app: Flask, name: str) -> None:
        livecov: LiveCoverage = app.extensions["livecoverage"].livecov
        with pytest.raises(ConfigurationError, match=r"a window cannot be called .* 1 to 1000 printable characters"):
            livecov.window(name).__enter__()
        assert app.test_client().get(f"{PREFIX}/start", query_string={"name": octets(name)}).status_code == 400
        assert dump(app)["window"] is None


@pytest.mark.browser
def test_html_report_executes_nothing(
    app: Flask, recorded: list[str], driver: webdriver.Chrome, tmp_path: Path
) -> None:
    content = dump(app, format="html", contexts="test").data
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path / "html")
    driver.get((tmp_path / "html" / "htmlcov" / "application_py.html").as_uri())
    driver.execute_script("document.querySelectorAll('input[id^=ctxs]').forEach(input => input.click())")
    assert "<img src=x onerror=" in str(driver.find_element(By.TAG_NAME, "body").get_property("textContent"))
    script = "return [window.harmed, document.querySelectorAll('svg, img[src=x]').length]"
    assert driver.execute_script(script) == [None, 0]
