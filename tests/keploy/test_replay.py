"""``livecov replay``: sends recorded cases to the real application, and reports the results.

Tests ``cli.keploy``, ``cli.handlers.keploy``, ``keploy.replay`` and ``keploy.resending``.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..support import REPOSITORY
from ..support.lines import lines_of
from ..support.processes import Commands, Gate, Result

RECORDING = REPOSITORY / "tests" / "data" / "keploy"

APP = """
    import gzip, time

    from flask import Flask, Response, abort, redirect, request

    import gate

    app = Flask(__name__)
    app.config.from_prefixed_env()
    seen = []

    @app.before_request
    def note():
        names = ("KEPLOY-TEST-ID", "KEPLOY-TEST-SET-ID", "KEPLOY-LAST-TESTCASE", "Host")
        seen.append([request.headers.get(name) for name in names])

    @app.get("/seen")
    def all_seen():
        return seen

    @app.get("/json")
    def json_body():
        return {"id": 7, "at": time.time(), "tags": ["a", "b"]}

    @app.get("/moved")
    def moved():
        return redirect("/json")

    @app.get("/stream")
    def stream():
        return Response(part for part in ("one ", "two"))

    @app.get("/zipped")
    def zipped():
        return Response(gzip.compress(b"plain"), headers={"Content-Encoding": "gzip"})

    @app.get("/binary")
    def binary():
        return Response(bytes(range(256)), mimetype="application/octet-stream")

    @app.post("/form")
    def form():
        file = request.files["file"]
        return {"name": request.form["name"], "file": file.filename, "content": file.read().decode()}

    @app.get("/wait")
    def wait():
        gate.wait()
        return "waited"

    @app.get("/endless")
    def endless():
        def parts():
            while True:
                yield "x"

        return Response(parts())
"""

TEXT = "{Content-Type: text/html; charset=utf-8}"
JSON = "{Content-Type: application/json}"


class Recording:
    """A recording that a test creates."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(
        self,
        target: str,
        body: str = "''",
        *,
        name: str,
        method: str = "GET",
        header: str = "{}",
        status: int = 200,
        got: str = TEXT,
        noise: str = "{}",
        req: str = "",
        test_set: str = "set-1",
        resp: str = "",
    ) -> None:
        text = f"""
kind: Http
name: {name}
spec:
    req: {{method: {method}, url: 'http://localhost:9{target}', header: {header}, {req or "body: ''"}}}
    resp: {{status_code: {status}, header: {got}, {resp or f"body: {body}"}}}
    assertions: {{noise: {noise}}}
"""
        path = self.path / test_set / "tests" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path / "keploy")


def table(result: Result) -> dict[str, list[str]]:
    """Parse the table: the result of each test, followed by its reasons."""
    found: dict[str, list[str]] = {}
    lines = result.stdout.split("\n\n")[0].splitlines()
    columns = [0]
    for dashes in lines[1].split("  ")[:-1]:
        columns.append(columns[-1] + len(dashes) + 2)
    for line in lines[2:]:
        cells = [line[begin:end].strip() for begin, end in zip(columns, [*columns[1:], None], strict=True)]
        if cells[0]:
            last = found.setdefault(cells[0], [cells[2]])
        if cells[3]:
            last.append(cells[3])
    return found


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


class TestExample:
    @pytest.fixture
    def example(self, commands: Commands) -> Commands:
        shutil.copytree(
            REPOSITORY / "example_app", commands.folder / "example_app", ignore=shutil.ignore_patterns("__*")
        )
        shutil.copy(REPOSITORY / "example_app" / "__init__.py", commands.folder / "example_app")
        shutil.copytree(RECORDING, commands.folder / "keploy")
        return commands

    def replay(self, example: Commands, *arguments: str) -> Result:
        return example.livecov("replay", "--temp-database", *arguments, "keploy", app="example_app").wait()

    def test_all_pass(self, example: Commands) -> None:
        result = self.replay(example)
        assert result.status == 0, result
        assert set(map(tuple, table(result).values())) == {("passed",)}
        assert result.stdout.splitlines()[-3:] == [
            "16 passed, 0 failed",
            "Wrote the lines of 16 test cases to dedupData.yaml",
            "Wrote 4 duplicates to duplicates.yaml",
        ]

        views, fraction = (example.folder / "example_app" / name for name in ("views.py", "fraction.py"))
        data = load(example.folder / "dedupData.yaml")
        assert {name: list(tests) for name, tests in data.items()} == {
            "test-set-0": [f"test-{number}" for number in range(1, 11)],
            "test-set-1": [f"test-{number}" for number in range(1, 7)],
        }
        assert data["test-set-0"]["test-1"] == {str(views): lines_of(views, 'render_template("home.html")')}
        # 3 of 2, and 2 of 1
        greater = data["test-set-0"]["test-4"]
        assert greater == data["test-set-0"]["test-9"]
        assert set(lines_of(fraction, "return None", "if percent is None", "Invalid: Fraction")) <= set(
            greater[str(fraction)]
        )
        # The first in lexicographic order stays: test-10 of 2, 8 and 10; test-4 of 4 and 9.
        assert load(example.folder / "duplicates.yaml") == {
            "test-set-0": ["test-2", "test-8", "test-9"],
            "test-set-1": ["test-4"],
        }

    def test_failures_have_reasons(self, example: Commands) -> None:
        cases = {
            "test-set-0/tests/test-2.yaml": ("<h1>50 of 100 is 50%</h1>", "<h1>Half of it</h1>"),
            "test-set-0/tests/test-7.yaml": ("status_code: 404", "status_code: 200"),
            "test-set-0/tests/test-5.yaml": ("            header.Set-Cookie: []\n", ""),
            "test-set-1/tests/test-2.yaml": ('"percent":66', '"percent":67'),
            "test-set-1/tests/test-3.yaml": ("application/json\n            Date", "x\n            Date"),
            "test-set-1/tests/test-4.yaml": ("            body.checked_at: []\n", ""),
        }
        for name, (old, new) in cases.items():
            file = example.folder / "keploy" / name
            text = file.read_text()
            assert old in text, name
            file.write_text(text.replace(old, new))
        result = self.replay(example, "--output", "out/lines.yaml", "--duplicates", "out/same.yaml")
        assert result.status == 1
        assert "10 passed, 6 failed" in result.stdout
        failed = {name: reasons[1:] for name, reasons in table(result).items() if reasons[0] == "failed"}
        cookie = failed.pop("test-set-0/test-5")
        assert len(cookie) == 1
        assert cookie[0].startswith('header Set-Cookie: expected "session=')
        (page,) = failed.pop("test-set-0/test-2")
        assert re.match(r'body: differs from character 5\d\d: expected ".*<h1>Half of it</h1>', page)
        times = failed.pop("test-set-1/test-4")
        assert {reason.partition(":")[0] for reason in times} == {"body.checked_at"}
        assert failed == {
            "test-set-0/test-7": ["status: expected 200, got 404"],
            "test-set-1/test-2": ["body.percent: expected 67, got 66"],
            "test-set-1/test-3": ['header Content-Type: expected "x", got "application/json"'],
        }
        # The lines of failed cases are written, too.
        assert sum(map(len, load(example.folder / "out" / "lines.yaml").values())) == 16
        assert "test-set-0" in load(example.folder / "out" / "same.yaml")


class TestRequests:
    def test_headers_and_order(self, commands: Commands, recording: Recording) -> None:
        commands.write("app.py", APP)
        for number in (1, 2, 9, 10):
            recording.add("/json", name=f"test-{number}", noise="{body: []}", got=JSON, test_set="set-10")
        recording.add(
            "/json", name="only", noise="{body: []}", got=JSON, header="{Host: example.org}", test_set="set-9"
        )
        seen = [["only", "set-9", None, "example.org"]]
        seen += [[f"test-{number}", "set-10", None, "localhost"] for number in (1, 2, 9, 10)]
        seen += [["last", "set-11", "true", "localhost"]]
        for row in seen[1:]:
            row[3] = None
        recording.add("/seen", f"'{json.dumps(seen)}'", name="last", got=JSON, test_set="set-11")
        result = commands.livecov("replay", "keploy").wait()
        reasons = table(result).pop("set-11/last")
        # If no Host was recorded, the server's own is sent.
        assert all('expected null, got "127.0.0.1:' in reason for reason in reasons[1:])
        assert len(reasons) == 6
        assert "5 passed, 1 failed" in result.stdout

    def test_kinds_of_bodies(self, commands: Commands, recording: Recording) -> None:
        commands.write("app.py", APP)
        recording.add(
            "/json", '\'{"tags": ["a", "b"], "at": 0, "id": 7}\'', name="json", got=JSON, noise="{body.at: []}"
        )
        moved = "{Content-Type: text/html; charset=utf-8, Location: /json}"
        recording.add("/moved", name="moved", status=302, got=moved, noise="{body: []}")
        recording.add("/stream", "one two", name="stream", got=TEXT)
        zipped = "{Content-Type: text/html; charset=utf-8, Content-Encoding: gzip}"
        recording.add("/zipped", "plain", name="zipped", got=zipped, header="{Accept-Encoding: gzip}")
        octets = "{Content-Type: application/octet-stream}"
        encoded = "body: '', body_base64: " + base64.b64encode(bytes(range(256))).decode()
        recording.add("/binary", name="binary", got=octets, resp=encoded)
        recording.add("/binary", name="skipped", got=octets, resp="body: '', body_skipped: true, body_size: 256")
        recording.add("/binary", name="smaller", got=octets, resp="body: '', body_skipped: true, body_size: 255")
        (recording.path / "assets").mkdir()
        (recording.path / "assets" / "note.txt").write_text("noted")
        form = "body: '', form: [{key: name, values: [ann]}, {key: file, paths: [assets/note.txt]}]"
        recording.add(
            "/form", '\'{"name": "ann", "file": "note.txt", "content": "noted"}\'', name="form", method="POST",
            got=JSON, header="{Content-Type: multipart/form-data; boundary=x}", req=form,
        )  # fmt: skip
        recording.add(
            "/json",
            name="head",
            method="HEAD",
            got="{Content-Type: application/json}",
            noise="{header.Content-Length: []}",
        )
        recording.add(
            "/json",
            name="options",
            method="OPTIONS",
            got="{Content-Type: text/html; charset=utf-8, Allow: 'GET, HEAD, OPTIONS'}",
            noise="{header.Allow: []}",
        )
        result = commands.livecov("replay", "keploy").wait()
        failed = {name: reasons for name, reasons in table(result).items() if reasons[0] != "passed"}
        assert failed == {"set-1/smaller": ["failed", "body: expected 255 bytes, got 256"]}
        assert result.status == 1

    def test_order_of_arrays(self, commands: Commands, recording: Recording) -> None:
        commands.write("app.py", APP)
        recording.add(
            "/json", '\'{"tags": ["b", "a"], "at": 0, "id": 7}\'', name="json", got=JSON, noise="{body.at: []}"
        )
        assert commands.livecov("replay", "keploy").wait().status == 1
        assert commands.livecov("replay", "--ignore-ordering", "keploy").wait().status == 0

    def test_responses_that_take_too_long(self, commands: Commands, recording: Recording, gate: Gate) -> None:
        commands.write("app.py", APP)
        for name, target in (("test-1", "/endless"), ("test-2", "/wait"), ("test-3", "/wait")):
            recording.add(target, name=name)
        command = commands.livecov("replay", "--timeout", "0.5", "keploy")
        gate.reached()
        # The next request is sent after the client has given up on this one.
        gate.reached()
        gate.open()
        result = command.wait()
        for name in ("test-1", "test-2"):
            assert table(result)[f"set-1/{name}"] == ["failed", "no complete response within 0.5 seconds"]
        assert result.status == 1


class TestLines:
    def test_requests_outside_the_cases_are_left_out(self, commands: Commands, recording: Recording) -> None:
        app = commands.write("app.py", APP)
        recording.add("/stream", "one two", name="one")
        assert commands.livecov("replay", "keploy").wait().status == 0
        lines = lines_of(app, "names = (", "seen.append", 'return Response(part for part in ("one ", "two"))')
        assert load(commands.folder / "dedupData.yaml") == {"set-1": {"one": {str(app): lines}}}
        assert load(commands.folder / "duplicates.yaml") == []

    def test_against_a_live_server(self, commands: Commands, recording: Recording) -> None:
        app = commands.write("app.py", APP)
        recording.add("/stream", "one two", name="one")
        server = commands.serve("--no-report")
        for _ in range(2):
            result = commands.livecov("replay", "--url", server.url, "keploy", app=None).wait()
            assert result.status == 0, result
        # Only the lines of the second replay.
        recording.add("/json", name="one", noise="{body: []}", got=JSON)
        assert commands.livecov("replay", "--url", server.url, "keploy", app=None).wait().status == 0
        server.signal(signal.SIGTERM)
        server.wait()
        lines = lines_of(app, "names = (", "seen.append", 'return {"id": 7')
        assert load(commands.folder / "dedupData.yaml") == {"set-1": {"one": {str(app): lines}}}


class TestWrongUse:
    def refused(self, commands: Commands, *arguments: str, status: int = 2) -> str:
        """The printed error, which must be one line; the server must not be started, and no file written."""
        commands.write("app.py", "print('imported')\n")
        result = commands.livecov("replay", *arguments, "keploy").wait()
        assert result.status == status
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert not (commands.folder / "dedupData.yaml").exists()
        assert not (commands.folder / "duplicates.yaml").exists()
        return lines[0]

    def test_no_folder(self, commands: Commands) -> None:
        assert self.refused(commands) == (
            "Error: keploy: cannot be read (No such file or directory): name the folder that Keploy recorded"
        )

    def test_no_cases(self, commands: Commands) -> None:
        (commands.folder / "keploy").mkdir()
        assert "Error: keploy contains no recorded HTTP test case" in self.refused(commands)

    @pytest.mark.parametrize("content", [b"kind: [", b"\x00\xff", b"kind: Http\nspec: {req: {method: GET, url: /}}\n"])
    def test_a_bad_file(self, commands: Commands, recording: Recording, content: bytes) -> None:
        recording.add("/stream", "one two", name="test-1")
        (recording.path / "set-1" / "tests" / "test-2.yaml").write_bytes(content)
        assert self.refused(commands).startswith("Error: keploy/set-1/tests/test-2.yaml: ")

    def test_a_server_that_is_not_measured(
        self, commands: Commands, recording: Recording, unmeasured_server: str
    ) -> None:
        recording.add("/stream", "one two", name="test-1")
        assert "is live coverage active there?" in self.refused(commands, "--url", unmeasured_server, status=1)

    def test_no_server(self, commands: Commands, recording: Recording) -> None:
        recording.add("/stream", "one two", name="test-1")
        assert "no server answers at" in self.refused(commands, "--url", "http://127.0.0.1:9", status=1)

    def test_an_application_that_cannot_be_imported(self, commands: Commands, recording: Recording) -> None:
        recording.add("/stream", "one two", name="test-1")
        commands.write("broken.py", "1 / 0\n")
        result = commands.livecov("replay", "keploy", app="broken").wait()
        assert result.status == 1
        assert len(result.errors) == 1
        assert "ZeroDivisionError" in result.errors[0]
        assert not (commands.folder / "dedupData.yaml").exists()

    def test_an_output_that_cannot_be_written(self, commands: Commands, recording: Recording) -> None:
        commands.write("app.py", APP)
        recording.add("/stream", "one two", name="test-1")
        result = commands.livecov("replay", "--output", "app.py/x", "keploy").wait()
        assert result.status == 1
        assert "cannot write app.py/x" in result.errors[0]
        assert "--output" in result.errors[0]

    def test_a_server_that_dies(self, commands: Commands, recording: Recording) -> None:
        commands.write(
            "app.py", APP + "\n    @app.get('/die')\n    def die():\n        import os\n        os._exit(3)\n"
        )
        for name, target in (("test-1", "/stream"), ("test-2", "/die"), ("test-3", "/stream")):
            recording.add(target, "one two", name=name)
        result = commands.livecov("replay", "keploy").wait()
        assert result.status == 1
        assert result.errors == ["Error: the server ended with status 3: see its output above"]
