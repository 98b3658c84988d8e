"""``flask livecov run``: starts a server and a command that drives it, ends both, and reports.

Tests ``cli.serving``, ``cli.handlers.serving``, ``serving.launcher`` and ``serving.readiness``.
"""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import psutil
import pytest

from flask_livecoverage.errors import ConfigurationError, ServerError
from flask_livecoverage.serving import launcher
from flask_livecoverage.serving.launcher import run_command

from ..support.lines import line_of
from ..support.processes import PYTHON, Command, Commands, Gate, fetch, skip_without

NODE_CLIENT = """
    const url = process.env.LIVECOVERAGE_URL;
    fetch(url + "/config/DEBUG")
      .then((response) => response.text())
      .then((text) => { console.log("node got", text); process.exitCode = 5; });
"""


def test_a_shell_script(commands: Commands) -> None:
    curl = skip_without("curl")
    script = commands.write("suite.sh", f'#!/bin/sh\n{curl} -sf "$LIVECOVERAGE_URL/" && exit 3\n')
    script.chmod(0o755)

    result = commands.run("--", "./suite.sh")

    assert result.status == 3
    assert result.stdout.startswith("helloName")
    assert "Missing" in result.stdout
    assert "Wrote HTML report to htmlcov/index.html" in result.stdout
    assert (commands.folder / "htmlcov" / "index.html").is_file()
    assert result.errors == []
    assert (commands.folder / ".livecov" / ".gitignore").read_text() == "*\n"


def test_a_node_client_and_selected_reports(commands: Commands) -> None:
    node = skip_without("node")
    commands.write("suite.js", NODE_CLIENT)

    options = ("--report", "xml", "--report", "markdown", "--data-dir", "elsewhere", "--fail-under", "100")
    result = commands.run(*options, "--", node, "suite.js")

    # The command's own status takes precedence over that of the report.
    assert result.status == 5
    assert result.stdout.startswith("node got False\n")
    assert "Wrote XML report to coverage.xml" in result.stdout
    assert "| app.py " in result.stdout
    assert (commands.folder / "coverage.xml").read_text().startswith("<?xml")
    assert not (commands.folder / "htmlcov").exists()
    assert not (commands.folder / ".livecov").exists()
    report = commands.report("--data-dir", "elsewhere")
    app = commands.folder / "app.py"
    executed = report["files"]["app.py"]["executed_lines"]
    assert line_of(app, "app.config.get(key)") in executed
    assert line_of(app, '"hello"') not in executed


def test_fail_under(commands: Commands) -> None:
    result = commands.run("--report", "text", "--fail-under", "99.5", "--", "true")

    assert result.status == 2
    assert "Coverage failure: total of" in result.stderr
    assert "is less than fail-under=" in result.stderr


NO_REQUEST = (
    r"no request reached the server at (http://127\.0\.0\.1:\d+): the command finds this address in the environment "
    r"variable LIVECOVERAGE_URL, and has to pass it on, as in -- sh -c 'curl \"\$LIVECOVERAGE_URL/\"'"
)


class TestNoRequest:
    def test_a_warning(self, commands: Commands) -> None:
        result = commands.run("--report", "text", "--", "true")

        assert result.status == 0
        assert "TOTAL" in result.stdout
        lines = result.stderr.splitlines()
        assert re.fullmatch(f"Warning: {NO_REQUEST}", lines[-1])

    @pytest.mark.parametrize("server", [None, f"{PYTHON} -m flask --app app run --port {{port}}"])
    def test_a_failure_with_fail_no_requests(self, commands: Commands, server: str | None) -> None:
        """Requests of `run` itself do not count, nor do those of the suite to control routes."""
        suite = commands.write("suite.sh", f'{skip_without("curl")} -sf "$LIVECOVERAGE_URL/__coverage__/status"')
        options = ["--server", server] if server else []

        result = commands.run("--report", "text", "--fail-no-requests", *options, "--", "sh", suite)

        assert result.status == 2
        assert len(result.errors) == 1
        assert re.fullmatch(f"Error: {NO_REQUEST}", result.errors[0])

    def test_the_commands_status_comes_first(self, commands: Commands) -> None:
        assert commands.run("--report", "text", "--fail-no-requests", "--", "sh", "-c", "exit 3").status == 3

    def test_no_warning_after_a_request(self, commands: Commands) -> None:
        suite = commands.write("suite.sh", f'{skip_without("curl")} -s "$LIVECOVERAGE_URL/nowhere"')
        result = commands.run("--report", "text", "--fail-no-requests", "--", "sh", suite)
        assert result.status == 0
        assert "no request" not in result.stderr

    def test_without_a_window(self, commands: Commands) -> None:
        suite = commands.write("suite.sh", f'{skip_without("curl")} -s "$LIVECOVERAGE_URL/"')
        result = commands.run("--report", "text", "--", "sh", suite, LIVECOVERAGE_AUTOSTART="0")
        assert result.status == 0
        assert "Warning: no request was recorded: without LIVECOVERAGE_AUTOSTART, the command has to" in result.stderr


def test_the_suite_shuts_the_server_down_itself(commands: Commands) -> None:
    suite = commands.write("suite.sh", f'{skip_without("curl")} -sf "$LIVECOVERAGE_URL/shutdown"; kill -KILL $$')

    result = commands.run("--report", "text", "--", "sh", suite)

    assert result.status == 128 + signal.SIGKILL
    assert "TOTAL" in result.stdout
    assert result.errors == []


ASK_FOR_STATUS = """
    import os, urllib.error, urllib.request

    url, token = os.environ["LIVECOVERAGE_URL"] + "/__coverage__/status", os.environ["LIVECOVERAGE_TOKEN"]
    for headers in {}, {"Authorization": f"Bearer {token}"}:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
                print(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                print(error.code)
    print("token", token)
"""


class TestToken:
    """``run`` gives its server and its command a token, so that their requests need no other permission."""

    @pytest.mark.parametrize("server", [(), ("--server", f"{PYTHON} -m gunicorn --bind {{host}}:{{port}} app:app")])
    def test_gives_access_behind_a_proxy(self, commands: Commands, server: tuple[str, ...]) -> None:
        suite = commands.write("suite.py", ASK_FOR_STATUS)
        tokens = []
        for _ in range(2):
            # gunicorn keeps a control socket in the home folder, and leaves others to the garbage collector.
            environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore", "LIVECOVERAGE_BEHIND_PROXY": "1"}
            result = commands.run("--report", "text", *server, "--", sys.executable, suite, app="app", **environ)
            assert (result.status, result.errors) == (0, [])
            without, with_token, last, *_ = result.stdout.splitlines()
            assert (without, with_token) == ("403", "200")
            tokens.append(last)
        assert tokens[0] != tokens[1]
        assert all(len(token) > 40 for token in tokens)

    def test_is_taken_from_the_environment(self, commands: Commands) -> None:
        suite = commands.write("suite.py", ASK_FOR_STATUS)
        result = commands.run("--report", "text", "--", sys.executable, suite, LIVECOVERAGE_TOKEN="of-my-own")
        assert result.stdout.startswith("200\n200\ntoken of-my-own\n")


@pytest.mark.parametrize("status", [0, 3])
def test_the_server_dies_while_the_suite_runs(commands: Commands, gate: Gate, status: int) -> None:
    """Its end takes precedence over the status of the suite, which the message has."""
    suite = commands.write(
        "suite.py",
        f"import gate, os, sys\nprint(os.environ['LIVECOVERAGE_URL'], flush=True)\ngate.wait()\nsys.exit({status})\n",
    )
    run = commands.livecov("run", "--report", "text", "--", sys.executable, suite)
    url = run.match("http.*", "stdout")[0]
    gate.reached()
    assert fetch(url + "/") == (200, "hello")

    server_of(commands).kill()
    gate.open()
    result = run.wait()

    assert result.status == 1
    assert result.errors == [
        f"Error: the server was killed by SIGKILL: see its output above; the command ended with status {status}"
    ]
    # The lines of the requests that it had answered are not lost.
    app = commands.folder / "app.py"
    assert line_of(app, '"hello"') in commands.report()["files"]["app.py"]["executed_lines"]


FAILURES = {
    "nowhere": (None, 2, r"Could not import 'nowhere'\."),
    "empty": ("", 2, r"Failed to find Flask application or factory in module 'empty'\. Use 'empty:name' .*"),
    "divides": (
        "1 / 0",
        1,
        r"the application cannot be imported: ZeroDivisionError: .* \(.*/divides\.py, line 1\); .*",
    ),
    "imports": (
        "import nothing",
        1,
        r"While importing 'imports', .*: ModuleNotFoundError: No module named 'nothing'; .*",
    ),
    "syntax": ("def :", 1, r"the application cannot be imported: SyntaxError: .* \(syntax\.py, line 1\); .*"),
    "exits": (
        "raise SystemExit('no')",
        1,
        r"the application cannot be imported: SystemExit: no \(.*/exits\.py, line 1\); .*",
    ),
    # The child holds the server's output open, and is ended too.
    "dies": (
        "import os; os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '1000'); os._exit(4)",
        1,
        "the server ended with status 4 before it answered: see its output above",
    ),
    "waits": ("import gate; gate.wait()", 1, r"the server did not answer within 5 seconds: .* --startup-timeout"),
}


def test_servers_that_do_not_answer(commands: Commands, gate: Gate) -> None:
    """Each ends with one line, and status 2 for wrong use, 1 for a fault."""
    runs = {}
    for name, (text, _, _) in FAILURES.items():
        if text is not None:
            commands.write(f"{name}.py", text)
        seconds = "5" if name == "waits" else "100"
        runs[name] = commands.livecov(
            "run", "--startup-timeout", seconds, "--", "true", app=name, PYTHONWARNINGS="ignore"
        )
    for name, (_, status, message) in FAILURES.items():
        result = runs[name].wait()
        assert (name, result.status) == (name, status)
        assert re.fullmatch(rf"Error: {message}\n", result.stderr), result.stderr
        assert result.stdout == ""


class TestSignals:
    SUITE = """
        import signal, sys, gate

        def clean_up(number, frame):
            gate.wait()
            print("suite cleaned up", flush=True)
            sys.exit(130)

        signal.signal(signal.SIGINT, clean_up)
        print("suite runs", flush=True)
        gate.wait()
    """

    def start(self, commands: Commands, gate: Gate) -> Command:
        suite = commands.write("suite.py", self.SUITE)
        run = commands.livecov("run", "--report", "text", "--", sys.executable, suite, PYTHONWARNINGS="ignore")
        run.match("suite runs", "stdout")
        gate.reached()
        return run

    def test_ctrl_c_lets_the_suite_end_first(self, commands: Commands, gate: Gate) -> None:
        run = self.start(commands, gate)

        # To the whole foreground group, as a terminal does.
        run.signal_group(signal.SIGINT)
        gate.reached()
        # The suite still needs its server.
        server_of(commands)
        gate.open()
        result = run.wait()

        assert result.status == 130
        assert "suite cleaned up" in result.stdout
        assert "TOTAL" in result.stdout
        assert result.errors == []

    def test_sigterm_ends_both(self, commands: Commands, gate: Gate) -> None:
        run = self.start(commands, gate)

        run.signal(signal.SIGTERM)

        assert run.wait().status == 128 + signal.SIGTERM
        assert run.wait().errors == []
        assert commands.running() == []

    def test_signal_that_does_not_interrupt_the_wait(self, commands: Commands, gate: Gate) -> None:
        """A signal that arrives just before the wait, simulated by one that another thread receives."""
        program = """
            import signal, sys, threading

            import gate
            from flask_livecoverage.serving.launcher import run_command
            from flask_livecoverage.serving.signals import TerminationHandler

            def end():
                gate.wait()
                signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

            threading.Thread(target=end, daemon=True).start()
            with TerminationHandler():
                suite = "import signal; print('waits', flush=True); signal.pause()"
                run_command([sys.executable, "-c", suite], {}, None)
        """
        run = commands.start(sys.executable, commands.write("program.py", program))
        run.match("waits", "stdout")
        gate.reached()
        gate.open()
        assert run.wait().status == 128 + signal.SIGTERM
        assert commands.running() == []

    def test_a_server_does_not_outlive_its_run(self, commands: Commands, gate: Gate) -> None:
        run = self.start(commands, gate)
        server = server_of(commands)

        run.signal(signal.SIGKILL)
        gate.open()

        commands.wait_for_end(server)

    @pytest.mark.parametrize("ignored", ["TERM", "TERM INT"])
    def test_a_server_does_not_outlive_its_run_where_signals_are_ignored(
        self, commands: Commands, gate: Gate, ignored: str
    ) -> None:
        suite = commands.write("suite.py", self.SUITE)
        command = f"exec {PYTHON} -m flask --app app livecov run -- {PYTHON} {suite}"
        run = commands.start("sh", "-c", f"trap '' {ignored}; {command}", PYTHONWARNINGS="ignore")
        gate.reached()
        server = server_of(commands)

        run.signal(signal.SIGKILL)
        gate.open()

        commands.wait_for_end(server)

    def test_a_server_does_not_outlive_its_run_during_the_import(self, commands: Commands, gate: Gate) -> None:
        commands.write("app.py", "import gate\ngate.wait()\n")
        run = commands.livecov("run", "--", "true", PYTHONWARNINGS="ignore")
        gate.reached()
        server = server_of(commands)

        run.signal(signal.SIGKILL)

        commands.wait_for_end(server)


class TestRunCommand:
    """``run_command`` without a server."""

    def test_environment_and_status(self, tmp_path: Path) -> None:
        assert run_command(["sh", "-c", 'exit "$STATUS"'], {"STATUS": "7", "PATH": "/usr/bin:/bin"}, None) == 7

    @pytest.mark.parametrize("command", ["exec sleep 1000", "sleep 1000 & sleep 1000 & wait"])
    def test_timeout_ends_it_and_its_children(self, commands: Commands, command: str) -> None:
        with pytest.raises(ServerError, match=r"the command was still running after 0\.5 seconds \(--timeout\)"):
            run_command(["sh", "-c", command], {**commands.environ, "PATH": "/usr/bin:/bin"}, 0.5)

        assert commands.running() == []

    def test_timeout_kills_what_ignores_sigterm(self, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(launcher, "KILL_SECONDS", 0.5)

        with pytest.raises(ServerError):
            run_command(["sh", "-c", "trap '' TERM; sleep 1000; sleep 1000"], commands.environ, 0.5)

        assert commands.running() == []

    def test_no_such_command(self) -> None:
        with pytest.raises(ConfigurationError, match=r"cannot run '/no/such' \(No such file or directory\)") as caught:
            run_command(["/no/such"], {}, None)
        assert caught.value.exit_code == 2


def test_commands_that_do_not_end_or_start(commands: Commands) -> None:
    hangs = commands.livecov("run", "--timeout", "0.5", "--", "sh", "-c", "sleep 1000 & wait")
    # Options after the command's name belong to the command.
    starts = commands.livecov("run", "--", "./missing", "--port", "x")

    assert hangs.wait().status == 1
    assert hangs.wait().errors == [
        "Error: the command was still running after 0.5 seconds (--timeout) and was ended; `flask livecov report` "
        "shows what it covered"
    ]
    assert starts.wait().status == 2
    assert starts.wait().errors == ["Error: cannot run './missing' (No such file or directory)"]
    assert commands.running() == []


def server_of(commands: Commands) -> psutil.Process:
    """The server that a ``livecov run`` has started."""
    (server,) = [process for process in commands.running() if "--control-fd" in process.cmdline()]
    return server
