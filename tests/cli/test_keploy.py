"""Keploy's agent, in livecov's own server and beside gunicorn, as Keploy talks to it."""

from __future__ import annotations

import http.client
import re
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..conftest import lines_of
from ..keploy.client import Keploy, keploy_client
from .processes import GUARD_SECONDS, Command, Commands, Gate, answer

APP = """
    import threading

    from flask import Flask, Response

    import gate

    app = Flask(__name__)

    @app.get("/a")
    def a():
        return "this is a"

    @app.get("/b")
    def b():
        return "this is b"

    @app.get("/header")
    def header():
        return "this is header"

    @app.get("/wait")
    def wait():
        gate.wait()
        return "this is wait"

    @app.get("/stream")
    def stream():
        def parts():
            yield "this is "
            yield "a stream"

        return Response(parts())

    def work():
        return "this is work"

    @app.get("/thread")
    def thread():
        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        return "this is thread"

    def work_late():
        first = gate.wait()
        print("this is late")
        second = gate.wait()

    @app.get("/late")
    def late():
        threading.Thread(target=work_late).start()
        return "this is soon"

    def zero():
        return "this is zero"

    def one():
        return "this is one"

    def two():
        return "this is two"

    def three():
        return "this is three"

    @app.get("/number/<int:number>")
    def number(number):
        return (zero, one, two, three)[number]()
"""

GUNICORN = f"{shlex.quote(sys.executable)} -m gunicorn --threads 4 --bind {{host}}:{{port}} -w 2"
SUITE = "import gate, os\nprint(os.environ['LIVECOVERAGE_URL'], flush=True)\ngate.wait()\n"


@pytest.fixture
def keploy() -> Iterator[Keploy]:
    with keploy_client() as keploy:
        yield keploy


@dataclass
class Served:
    """A server with an agent, which is ``agent``, the same process or another."""

    url: str
    agent: Command
    app: Path

    def get(self, path: str, test: str | None = None, test_set: str = "s") -> None:
        answer(self.ask(path, test, test_set))

    def ask(self, path: str, test: str | None = None, test_set: str = "s") -> http.client.HTTPConnection:
        headers = {"KEPLOY-TEST-ID": test, "KEPLOY-TEST-SET-ID": test_set} if test else {}
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=GUARD_SECONDS)
        connection.request("GET", path, headers=headers)
        return connection

    def lines(self, *texts: str) -> dict[str, list[int]]:
        """The lines that hold these texts, as the agent reports them."""
        return {str(self.app): lines_of(self.app, *texts)} if texts else {}


Serve = Callable[..., Served]


@pytest.fixture
def serve(commands: Commands, keploy: Keploy, gate: Gate) -> Iterator[Serve]:
    """Starts ``serve --keploy``."""
    app = commands.write("app.py", APP)
    servers = []

    def start(*options: str, **environ: str) -> Served:
        server = commands.serve("--no-report", "--keploy", *keploy.options, *options, **environ)
        servers.append(server)
        return Served(server.url, server, app)

    yield start
    gate.open()
    for server in servers:
        end(server)


@pytest.fixture
def serve_with_gunicorn(commands: Commands, keploy: Keploy, gate: Gate) -> Iterator[Serve]:
    """Starts gunicorn with two workers, and the agent beside it."""
    app = commands.write("app.py", APP)
    suite = commands.write("suite.py", SUITE)
    started = []

    def start() -> Served:
        environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore"}
        server = f"{GUNICORN} flask_livecoverage.wsgi:app"
        run = commands.livecov("run", "--report", "text", "--server", server, "--", sys.executable, suite, **environ)
        url = run.match("http.*", "stdout")[0]
        gate.reached()
        agent = commands.livecov("keploy", "--url", url, *keploy.options, app=None)
        started.extend((agent, run))
        agent.match("Keploy's agent listens on")
        return Served(url, agent, app)

    yield start
    gate.open()
    for command in started:
        end(command)


def end(command: Command) -> None:
    if command.process.poll() is None:
        command.signal(signal.SIGTERM)
    command.wait()


@pytest.fixture(params=["serve", "serve_with_gunicorn"])
def served(request: pytest.FixtureRequest) -> Served:
    start: Serve = request.getfixturevalue(request.param)
    return start()


class TestLines:
    def test_of_one_test_after_the_other(self, served: Served, keploy: Keploy) -> None:
        served.get("/b")
        keploy.start("test-set-0/test-1")
        served.get("/a")
        assert keploy.end("test-set-0/test-1") == served.lines("this is a")
        served.get("/b")
        keploy.start("test-set-0/test-2")
        served.get("/stream")
        served.get("/thread")
        assert keploy.end("test-set-0/test-2") == served.lines(
            "def parts():", 'yield "this is "', 'yield "a stream"', "return Response(parts())",
            "this is work", "worker = ", "worker.start", "worker.join", "this is thread",
        )  # fmt: skip
        keploy.start("test-set-0/test-3")
        assert keploy.end("test-set-0/test-3") == {}

    def test_of_tests_that_overlap(self, served: Served, keploy: Keploy) -> None:
        keploy.start("s/outer")
        served.get("/a")
        keploy.start("s/inner")
        served.get("/b")
        served.get("/header", test="outer")
        assert keploy.end("s/inner") == served.lines("this is b")
        served.get("/number/1")
        assert keploy.end("s/outer") == served.lines("this is a", "this is header", "(zero, one", "this is one")

    def test_of_tests_that_end_in_the_order_of_their_start(self, served: Served, keploy: Keploy) -> None:
        keploy.start("s/first")
        keploy.start("s/second")
        assert keploy.end("s/first") == {}
        served.get("/a")
        assert keploy.end("s/second") == served.lines("this is a")
        served.get("/b")
        keploy.start("s/third")
        assert keploy.end("s/third") == {}

    def test_of_the_same_test_again(self, served: Served, keploy: Keploy) -> None:
        keploy.start("s/again")
        served.get("/a")
        assert keploy.end("s/again") == served.lines("this is a")
        served.get("/header", test="again")
        keploy.start("s/again")
        served.get("/b")
        assert keploy.end("s/again") == served.lines("this is b")
        keploy.start("s/again")
        served.get("/a")
        keploy.start("s/again")
        served.get("/header", test="again")
        assert keploy.end("s/again") == served.lines("this is header")

    def test_of_headers_and_plain_traffic_at_once(self, served: Served, keploy: Keploy) -> None:
        """Each test's requests name it; what names none goes to the window, which is that of the last test."""
        tests = ["zero", "one", "two", "three"]
        for test in tests:
            keploy.start(f"s/{test}")
        keploy.start("s/window")

        def drive(number: int) -> None:
            for _ in range(20):
                served.get(f"/number/{number}", test=tests[number])
                served.get("/b")

        with ThreadPoolExecutor(len(tests)) as pool:
            list(pool.map(drive, range(len(tests))))

        assert keploy.end("s/window") == served.lines("this is b")
        for test in tests:
            assert keploy.end(f"s/{test}") == served.lines("(zero, one", f"this is {test}")

    def test_of_commands_at_once(self, served: Served, keploy: Keploy) -> None:
        """Tests start and end in threads, while others run; each has its own requests, which name it."""
        tests = ["zero", "one", "two", "three"]

        def drive(number: int) -> None:
            for _ in range(10):
                assert keploy.send(f"START s/{tests[number]}\n".encode()) == b"ACK\n"
                served.get(f"/number/{number}", test=tests[number])
                assert keploy.send(f"END s/{tests[number]}\n".encode()) == b"ACK\n"

        with ThreadPoolExecutor(len(tests)) as pool:
            list(pool.map(drive, range(len(tests))))

        documents = [keploy.received() for _ in range(40)]
        for test in tests:
            lines = served.lines("(zero, one", f"this is {test}")
            assert [d["executedLinesByFile"] for d in documents if d["id"] == f"s/{test}"] == [lines] * 10

    def test_of_a_request_that_outlives_its_test(self, served: Served, keploy: Keploy, gate: Gate) -> None:
        """It began in the window of the first test, and so it is no other's."""
        keploy.start("s/first")
        waiting = served.ask("/wait")
        passage = gate.reached()
        assert keploy.end("s/first") == {}
        keploy.start("s/second")
        passage.close()
        assert answer(waiting) == (200, "this is wait")
        served.get("/a")
        assert keploy.end("s/second") == served.lines("this is a")

    def test_of_work_that_goes_on_after_the_answer(self, serve: Serve, keploy: Keploy, gate: Gate) -> None:
        served = serve()
        keploy.start("s/late")
        served.get("/late")
        gate.reached().close()
        # Now the line before has run, and nothing has ended that would have written it.
        passage = gate.reached()
        assert keploy.end("s/late")[str(served.app)] == lines_of(
            served.app, "target=work_late", "this is soon", "first = ", "this is late", "second = "
        )
        passage.close()


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_by_a_signal(self, served: Served, keploy: Keploy, number: signal.Signals) -> None:
        keploy.start("s/open")
        silent = keploy.connect()
        served.agent.signal(number)
        result = served.agent.wait()
        assert silent.recv(1) == b""
        silent.close()
        assert result.status == 0
        assert result.errors == []
        assert not Path(keploy.control).exists()

    def test_leaves_the_socket_of_a_successor(self, serve: Serve, keploy: Keploy) -> None:
        served = serve()
        Path(keploy.control).unlink()
        with closing(socket.socket(socket.AF_UNIX)) as other:
            other.bind(keploy.control)
            served.agent.signal(signal.SIGTERM)
            assert served.agent.wait().status == 0
            assert Path(keploy.control).exists()


class TestWithoutKeploy:
    def test_is_said_once_and_nothing_is_lost(self, served: Served, keploy: Keploy, commands: Commands) -> None:
        keploy.close()
        for test, path in (("one", "/a"), ("two", "/b")):
            keploy.start(f"s/{test}")
            served.get(path)
            assert keploy.send(f"END s/{test}\n".encode()) == b"ACK\n"
        keploy.listen()
        keploy.start("s/three")
        served.get("/b")
        assert keploy.end("s/three") == served.lines("this is b")
        assert served.agent.text("stderr").count("Keploy does not listen on") == 1
        executed = commands.report()["files"]["app.py"]["executed_lines"]
        assert set(lines_of(served.app, "this is a", "this is b")) <= set(executed)

    def test_that_does_not_wait_for_its_answer(self, served: Served, keploy: Keploy) -> None:
        """Keploy's client for Go closes the connection at once."""
        for command in (b"START s/quick\n", b"END s/other\n"):
            with keploy.connect() as connection:
                connection.sendall(command)
        served.agent.match("END s/other: it was not started")
        served.get("/a")
        assert keploy.end("s/quick") == served.lines("this is a")


BAD_COMMANDS = {
    "nothing": (b"", None),
    "no end of line": (b"START s/x", "no end of line after 'START s/x'"),
    "no id": (b"START\n", "not a command of Keploy's: 'START'"),
    "a blank id": (b"START  \n", "not a command of Keploy's: 'START'"),
    "an unknown verb": (b"RESET s/x\n", "not a command of Keploy's: 'RESET s/x'"),
    "a verb in lower case": (b"start s/x\n", "not a command of Keploy's: 'start s/x'"),
    "binary": (b"START \xff\xfe\n", "no UTF-8 text"),
    "control characters": (b"START s/\x00x\n", r"not a command of Keploy's: 'START s/\\x00x'"),
    "huge": (b"START " + b"x" * 1_000_000 + b"\n", "no end of line within 4096 bytes"),
    "a long id": (b"START " + b"x" * 1001 + b"\n", "not a command of Keploy's: 'START xxx"),
}


class TestBadCommands:
    @pytest.mark.parametrize("name", BAD_COMMANDS)
    def test_are_not_acknowledged(self, serve: Serve, keploy: Keploy, name: str) -> None:
        command, message = BAD_COMMANDS[name]
        served = serve()
        keploy.start("s/before")
        assert keploy.send(command, end=True) == b""
        served.get("/a")
        assert keploy.end("s/before") == served.lines("this is a")
        served.agent.signal(signal.SIGTERM)
        logged = served.agent.wait().stderr
        assert "Traceback" not in logged
        if message is None:
            assert "Keploy's:" not in logged
        else:
            served.agent.match(message)

    def test_end_of_what_was_not_started(self, served: Served, keploy: Keploy) -> None:
        assert keploy.send(b"END s/never\n") == b"ACK\n"
        assert not keploy.has_received()
        served.agent.match("END s/never: it was not started, and nothing is reported")

    def test_a_silent_client_blocks_nobody(self, serve: Serve, keploy: Keploy) -> None:
        served = serve()
        silent = [keploy.connect() for _ in range(20)]
        silent[0].sendall(b"STA")
        keploy.start("s/one")
        served.get("/a")
        assert keploy.end("s/one") == served.lines("this is a")
        # The agent closes these after a few seconds.
        assert [client.recv(1) for client in silent] == [b""] * 20
        for client in silent:
            client.close()

    def test_line_ends_of_other_systems(self, served: Served, keploy: Keploy) -> None:
        assert keploy.send(b"START s/one\r\n") == b"ACK\n"
        served.get("/a")
        assert keploy.end("s/one") == served.lines("this is a")


def in_use(keploy: Keploy) -> Iterator[str]:
    with closing(socket.socket(socket.AF_UNIX)) as other:
        other.bind(keploy.control)
        other.listen()
        yield keploy.control
        assert Path(keploy.control).exists()


def a_file(keploy: Keploy) -> Iterator[str]:
    Path(keploy.control).write_text("precious")
    yield keploy.control
    assert Path(keploy.control).read_text() == "precious"


def too_long(keploy: Keploy) -> Iterator[str]:
    yield keploy.control * 30


def no_folder(keploy: Keploy) -> Iterator[str]:
    yield f"{keploy.control}/nowhere/c"


def empty(keploy: Keploy) -> Iterator[str]:
    # Linux takes it as: any abstract address.
    yield ""


UNUSABLE = {
    empty: "cannot listen on the control socket .*No such file or directory",
    in_use: "another agent listens on the control socket",
    a_file: "a file that is no socket",
    too_long: "cannot listen on the control socket .*(AF_UNIX path too long|File name too long)",
    no_folder: "cannot listen on the control socket .*No such file or directory",
}


class TestSocket:
    @pytest.mark.parametrize("command", ["serve", "run", "keploy"])
    @pytest.mark.parametrize("make", UNUSABLE, ids=lambda make: make.__name__)
    def test_that_cannot_be_had(
        self, commands: Commands, keploy: Keploy, make: Callable[[Keploy], Iterator[str]], command: str
    ) -> None:
        commands.write("app.py", "print('imported')\n")
        path = make(keploy)
        options = ("--control-socket", next(path), "--data-socket", keploy.data)
        if command == "serve":
            result = commands.serve("--keploy", *options).wait()
        elif command == "run":
            result = commands.run("--keploy", *options, "--", "true")
        else:
            result = commands.livecov("keploy", *options, app=None).wait()

        assert next(path, None) is None
        assert result.status == 2
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1, result.stderr
        assert re.match(f"Error: .*{UNUSABLE[make]}", result.stderr)
        assert "--control-socket" in result.stderr

    def test_of_an_agent_that_was_killed_is_replaced(self, serve: Serve, keploy: Keploy) -> None:
        killed = serve()
        killed.agent.signal(signal.SIGKILL)
        killed.agent.wait()
        assert Path(keploy.control).is_socket()
        served = serve()
        keploy.start("s/one")
        served.get("/a")
        assert keploy.end("s/one") == served.lines("this is a")


class TestBesideAServer:
    def test_that_is_started_anew(self, commands: Commands, keploy: Keploy) -> None:
        """Keploy starts the application for each test set; the agent may be there before it."""
        app = commands.write("app.py", APP)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        agent = commands.livecov("keploy", "--url", f"http://127.0.0.1:{port}", *keploy.options, app=None)
        agent.match("Warning: no server answers at")
        agent.match("listens on")
        assert keploy.send(b"START s/early\n") == b"ACK\n"
        agent.match("START s/early: no server answers")
        for name, text in (("one", "this is a"), ("two", "this is b")):
            server = commands.livecov("serve", "--no-report", "--port", port)
            served = Served(server.url, agent, app)
            keploy.start(f"{name}/test-1")
            served.get(f"/{text[-1]}")
            assert keploy.end(f"{name}/test-1") == served.lines(text)
            keploy.start(f"{name}/never-ended")
            server.signal(signal.SIGKILL)
            server.wait()
        agent.signal(signal.SIGTERM)
        assert agent.wait().status == 0

    def test_that_is_not_measured(self, commands: Commands, keploy: Keploy) -> None:
        server = commands.start(sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0")
        port = server.match(r"port (\d+)", "stdout")[1]
        result = commands.livecov("keploy", "--url", f"http://127.0.0.1:{port}", *keploy.options, app=None).wait()
        server.signal(signal.SIGTERM)
        server.wait()
        assert result.status == 1
        assert len(result.stderr.splitlines()) == 1
        assert "is live coverage active there?" in result.stderr
        assert not Path(keploy.control).exists()

    def test_as_a_part_of_run(self, commands: Commands, keploy: Keploy, gate: Gate) -> None:
        app = commands.write("app.py", APP)
        suite = commands.write("suite.py", SUITE)
        run = commands.livecov("run", "--keploy", *keploy.options, "--", sys.executable, suite)
        served = Served(run.match("http.*", "stdout")[0], run, app)
        gate.reached()
        keploy.start("s/one")
        served.get("/a")
        assert keploy.end("s/one") == served.lines("this is a")
        gate.open()
        assert run.wait().status == 0
        assert not Path(keploy.control).exists()

    def test_not_with_another_server_of_run(self, commands: Commands, keploy: Keploy) -> None:
        result = commands.run("--keploy", *keploy.options, "--server", "false", "--", "true")
        assert result.status == 2
        assert result.errors == [
            "Error: --keploy is for the server of `livecov run` itself: beside --server, start `flask livecov keploy`"
        ]


def test_the_source_root_of_keploys_environment(commands: Commands, serve: Serve, keploy: Keploy) -> None:
    helper = commands.write("lib/helper.py", "def helped():\n    return 'helped'\n")
    folder = str(helper.parent)
    application = "from flask import Flask\nimport helper\napp = Flask('app')\napp.get('/a')(lambda: helper.helped())\n"
    commands.write("app.py", application)
    served = serve(KEPLOY_APP_SOURCE_DIR=folder, PYTHONPATH=folder)
    keploy.start("s/one")
    served.get("/a")
    assert keploy.end("s/one") == {str(helper): [2]}
