"""Keploy's agent, in livecov's managed server and beside gunicorn, tested through Keploy's protocol.

Tests ``keploy.agent`` and ``keploy.runs``.
"""

from __future__ import annotations

import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

from ..serving.test_werkzeug_server import MANY_DESCRIPTORS
from ..support.lines import lines_of
from ..support.processes import Command, Commands, Gate, read_response
from .client import Keploy, keploy_client
from .served import SUITE, Served, serve, start_agent, with_gunicorn_only, with_serve_only


class TestLines:
    def test_of_one_test_after_the_other(self, served: Served) -> None:
        served.get("/b")
        served.keploy.start("test-set-0/test-1")
        served.get("/a")
        assert served.keploy.end("test-set-0/test-1") == served.lines("this is a")
        served.get("/b")
        served.keploy.start("test-set-0/test-2")
        served.get("/stream")
        served.get("/thread")
        assert served.keploy.end("test-set-0/test-2") == served.lines(
            "def parts():", 'yield "this is "', 'yield "a stream"', "return Response(parts())",
            "this is work", "worker = ", "worker.start", "worker.join", "this is thread",
        )  # fmt: skip
        served.keploy.start("test-set-0/test-3")
        assert served.keploy.end("test-set-0/test-3") == {}

    def test_of_tests_that_overlap(self, served: Served) -> None:
        served.keploy.start("overlap/outer")
        served.get("/a")
        served.keploy.start("overlap/inner")
        served.get("/b")
        served.get("/header", test="overlap/outer")
        assert served.keploy.end("overlap/inner") == served.lines("this is b")
        served.get("/number/1")
        assert served.keploy.end("overlap/outer") == served.lines(
            "this is a", "this is header", "(zero, one", "this is one"
        )

    def test_of_tests_that_end_in_the_order_of_their_start(self, served: Served) -> None:
        served.keploy.start("order/first")
        served.keploy.start("order/second")
        assert served.keploy.end("order/first") == {}
        served.get("/a")
        assert served.keploy.end("order/second") == served.lines("this is a")
        served.get("/b")
        served.keploy.start("order/third")
        assert served.keploy.end("order/third") == {}

    def test_of_the_same_test_again(self, served: Served) -> None:
        served.keploy.start("same/again")
        served.get("/a")
        assert served.keploy.end("same/again") == served.lines("this is a")
        served.get("/header", test="same/again")
        served.keploy.start("same/again")
        served.get("/b")
        assert served.keploy.end("same/again") == served.lines("this is b")
        served.keploy.start("same/again")
        served.get("/a")
        served.keploy.start("same/again")
        served.get("/header", test="same/again")
        assert served.keploy.end("same/again") == served.lines("this is header")

    def test_of_headers_and_plain_traffic_at_once(self, served: Served) -> None:
        """Requests that name a test belong to it; the others belong to the window, which is that of the last test."""
        tests = ["zero", "one", "two", "three"]
        for test in tests:
            served.keploy.start(f"headers/{test}")
        served.keploy.start("headers/window")

        def drive(number: int) -> None:
            for _ in range(20):
                served.get(f"/number/{number}", test=f"headers/{tests[number]}")
                served.get("/b")

        with ThreadPoolExecutor(len(tests)) as pool:
            list(pool.map(drive, range(len(tests))))

        assert served.keploy.end("headers/window") == served.lines("this is b")
        for test in tests:
            assert served.keploy.end(f"headers/{test}") == served.lines("(zero, one", f"this is {test}")

    def test_of_commands_at_once(self, served: Served) -> None:
        """Tests start and end in threads, while others run; the requests of each name it."""
        tests = ["zero", "one", "two", "three"]

        def drive(number: int) -> None:
            for _ in range(10):
                assert served.keploy.send(f"START at-once/{tests[number]}\n".encode()) == b"ACK\n"
                served.get(f"/number/{number}", test=f"at-once/{tests[number]}")
                assert served.keploy.send(f"END at-once/{tests[number]}\n".encode()) == b"ACK\n"

        with ThreadPoolExecutor(len(tests)) as pool:
            list(pool.map(drive, range(len(tests))))

        documents = [served.keploy.received() for _ in range(40)]
        for test in tests:
            lines = served.lines("(zero, one", f"this is {test}")
            assert [d["executedLinesByFile"] for d in documents if d["id"] == f"at-once/{test}"] == [lines] * 10

    def test_of_a_request_that_outlives_its_test(self, served: Served) -> None:
        """It began in the window of the first test, so it belongs to no other."""
        served.keploy.start("outlived/first")
        waiting = served.ask("/wait")
        passage = served.gate.reached()
        assert served.keploy.end("outlived/first") == {}
        served.keploy.start("outlived/second")
        passage.close()
        assert read_response(waiting) == (200, "this is wait")
        served.get("/a")
        assert served.keploy.end("outlived/second") == served.lines("this is a")

    @with_serve_only
    def test_of_work_that_goes_on_after_the_answer(self, served: Served) -> None:
        served.keploy.start("work/late")
        served.get("/late")
        served.gate.reached().close()
        # The line before has run now, and no request or thread that would have written it has ended.
        passage = served.gate.reached()
        assert served.keploy.end("work/late")[str(served.app)] == lines_of(
            served.app, "target=work_late", "this is soon", "first = ", "this is late", "second = "
        )
        passage.close()


class TestEnding:
    NUMBERS = (signal.SIGTERM, signal.SIGINT)

    def test_of_the_server_by_a_signal(self, commands: Commands, gate: Gate, app: Path) -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(keploy_client()) for _ in self.NUMBERS]
            servers = [serve(commands, keploy, gate) for keploy in clients]
            for served, number in zip(servers, self.NUMBERS, strict=True):
                self.end_by_signal(served.keploy, served.agent, number)

    @with_gunicorn_only
    def test_of_the_agent_by_a_signal(self, served: Served, commands: Commands) -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(keploy_client()) for _ in self.NUMBERS]
            agents = [start_agent(commands, keploy, served.url) for keploy in clients]
            for keploy, agent, number in zip(clients, agents, self.NUMBERS, strict=True):
                self.end_by_signal(keploy, agent, number)

    def end_by_signal(self, keploy: Keploy, agent: Command, number: signal.Signals) -> None:
        agent.match("Running on|Keploy's agent listens on")
        silent = keploy.connect()
        # This is accepted after the silent connection, which has therefore been accepted, too.
        keploy.start("ending/open")
        agent.signal(number)
        result = agent.wait()
        assert silent.recv(1) == b""
        silent.close()
        assert result.status == 0
        assert result.errors == []
        assert not Path(keploy.control).exists()

    def test_leaves_the_socket_of_a_successor(self, own: Served) -> None:
        Path(own.keploy.control).unlink()
        with closing(socket.socket(socket.AF_UNIX)) as other:
            other.bind(own.keploy.control)
            own.agent.signal(signal.SIGTERM)
            assert own.agent.wait().status == 0
            assert Path(own.keploy.control).exists()


class TestWithoutKeploy:
    def test_is_logged_once_and_nothing_is_lost(self, served: Served) -> None:
        served.keploy.close()
        for test, path in (("one", "/c"), ("two", "/d")):
            served.keploy.start(f"without/{test}")
            served.get(path)
            assert served.keploy.send(f"END without/{test}\n".encode()) == b"ACK\n"
        served.keploy.listen()
        served.keploy.start("without/three")
        served.get("/b")
        assert served.keploy.end("without/three") == served.lines("this is b")
        assert served.log().count("Keploy does not listen on") == 1
        # No other test requests these.
        executed = served.commands.report()["files"]["app.py"]["executed_lines"]
        assert set(lines_of(served.app, "this is c", "this is d")) <= set(executed)

    def test_that_does_not_wait_for_its_answer(self, served: Served) -> None:
        """Keploy's client for Go closes the connection at once."""
        served.keploy.start("hasty/quick")
        served.get("/a")
        with served.keploy.connect() as connection:
            connection.sendall(b"END hasty/quick\n")
        assert served.keploy.next_document()["executedLinesByFile"] == served.lines("this is a")


class TestBesideAServer:
    def test_that_is_restarted(self, commands: Commands, keploy: Keploy, gate: Gate, app: Path) -> None:
        """Keploy starts the application for each test set; the agent may be started before it."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        agent = commands.livecov("keploy", "--url", f"http://127.0.0.1:{port}", *keploy.options, app=None)
        agent.match("Warning: no server answers at")
        agent.match("listens on")
        assert keploy.send(b"START s/early\n") == b"ACK\n"
        agent.match("START s/early: no server answers")
        for name, text in (("one", "this is a"), ("two", "this is b")):
            server = commands.livecov("serve", "--no-report", "--port", port)
            served = Served(server.url, agent, app, keploy, commands, gate)
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

    def test_as_a_part_of_run(self, commands: Commands, keploy: Keploy, gate: Gate, app: Path) -> None:
        suite = commands.write("suite.py", SUITE)
        run = commands.livecov("run", "--keploy", *keploy.options, "--", sys.executable, suite)
        served = Served(run.match("http.*", "stdout")[0], run, app, keploy, commands, gate)
        gate.reached()
        keploy.start("s/one")
        served.get("/a")
        assert keploy.end("s/one") == served.lines("this is a")
        gate.open()
        assert run.wait().status == 0
        assert not Path(keploy.control).exists()

    def test_not_with_an_external_server_of_run(self, commands: Commands, keploy: Keploy) -> None:
        result = commands.run("--keploy", *keploy.options, "--server", "false", "--", "true")
        assert result.status == 2
        assert result.errors == [
            "Error: --keploy is for the server of `livecov run` itself: beside --server, start `flask livecov keploy`"
        ]


def test_the_source_root_of_keploys_environment(commands: Commands, keploy: Keploy, gate: Gate) -> None:
    helper = commands.write("lib/helper.py", "def helped():\n    return 'helped'\n")
    folder = str(helper.parent)
    application = "from flask import Flask\nimport helper\napp = Flask('app')\napp.get('/a')(lambda: helper.helped())\n"
    commands.write("app.py", application)
    served = serve(commands, keploy, gate, KEPLOY_APP_SOURCE_DIR=folder, PYTHONPATH=folder)
    keploy.start("s/one")
    served.get("/a")
    assert keploy.end("s/one") == {str(helper): [2]}
    commands.end_all()


def test_with_many_descriptors(commands: Commands) -> None:
    """The application holds more descriptors than select() accepts."""
    commands.write("many.py", MANY_DESCRIPTORS)
    with keploy_client() as keploy:
        server = commands.serve("--no-report", "--keploy", *keploy.options, app="many")
        assert server.url
        keploy.start("set/test")
        server.signal(signal.SIGTERM)
        assert server.wait().status == 0
