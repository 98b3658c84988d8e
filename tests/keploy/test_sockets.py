"""Keploy's sockets: commands that are wrong, and sockets that cannot be used."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from ..support.processes import Command, Commands
from .client import Keploy, keploy_client
from .served import Served, serve, with_serve_only

BAD_COMMANDS = {
    "nothing": (b"", None),
    "no end of line": (b"START s/x", "no end of line after 'START s/x'"),
    "no id": (b"START\n", "not a Keploy command: 'START'"),
    "a blank id": (b"START  \n", "not a Keploy command: 'START'"),
    "an unknown verb": (b"RESET s/x\n", "not a Keploy command: 'RESET s/x'"),
    "a verb in lower case": (b"start s/x\n", "not a Keploy command: 'start s/x'"),
    "binary": (b"START \xff\xfe\n", "not UTF-8 text"),
    "control characters": (b"START s/\x00x\n", r"not a Keploy command: 'START s/\\x00x'"),
    "huge": (b"START " + b"x" * 1_000_000 + b"\n", "no end of line within 4096 bytes"),
    "a long id": (b"START " + b"x" * 1001 + b"\n", "not a Keploy command: 'START xxx"),
}


class TestBadCommands:
    @with_serve_only
    def test_are_not_acknowledged(self, served: Served) -> None:
        for name, (command, message) in BAD_COMMANDS.items():
            before = len(served.log())
            served.keploy.start(f"bad/{name}")
            assert served.keploy.send(command, end=True) == b"", name
            served.get("/a")
            assert served.keploy.end(f"bad/{name}") == served.lines("this is a")
            logged = served.log()[before:]
            assert "Traceback" not in logged
            if message is None:
                assert "not a Keploy command" not in logged
            else:
                assert re.search(message, logged), (name, logged)

    def test_end_of_what_was_not_started(self, served: Served) -> None:
        assert served.keploy.send(b"END never/started\n") == b"ACK\n"
        assert not served.keploy.has_received()
        served.agent.match("END never/started: the test was not started, so nothing is reported")

    @with_serve_only
    def test_a_silent_client_blocks_nobody(self, served: Served) -> None:
        silent = [served.keploy.connect() for _ in range(20)]
        silent[0].sendall(b"STA")
        served.keploy.start("silent/one")
        served.get("/a")
        assert served.keploy.end("silent/one") == served.lines("this is a")
        # The agent closes these after a few seconds.
        assert [client.recv(1) for client in silent] == [b""] * 20
        for client in silent:
            client.close()

    def test_line_ends_of_other_systems(self, served: Served) -> None:
        assert served.keploy.send(b"START line-ends/one\r\n") == b"ACK\n"
        served.get("/a")
        assert served.keploy.end("line-ends/one") == served.lines("this is a")


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
    # For Linux: any free abstract address.
    yield ""


UNUSABLE = {
    empty: "cannot listen on the control socket .*No such file or directory",
    in_use: "another agent listens on the control socket",
    a_file: "a file that is not a socket",
    too_long: "cannot listen on the control socket .*(AF_UNIX path too long|File name too long)",
    no_folder: "cannot listen on the control socket .*No such file or directory",
}


class TestSocket:
    def test_that_cannot_be_created(self, commands: Commands) -> None:
        """Each command that listens reports it, before it imports the application."""
        commands.write("app.py", "print('imported')\n")
        started: list[tuple[str, Command]] = []
        with ExitStack() as stack:
            paths = []
            for make, message in UNUSABLE.items():
                keploy = stack.enter_context(keploy_client())
                paths.append(make(keploy))
                options = ("--control-socket", next(paths[-1]), "--data-socket", keploy.data)
                started.append((message, commands.serve("--keploy", *options)))
                started.append((message, commands.livecov("keploy", *options, app=None)))
                if make is in_use:
                    started.append((message, commands.livecov("run", "--keploy", *options, "--", "true")))
            results = [(message, command.wait()) for message, command in started]
            assert [next(path, None) for path in paths] == [None] * len(paths)

        for message, result in results:
            assert result.status == 2
            assert result.stdout == ""
            assert len(result.stderr.splitlines()) == 1, result.stderr
            assert re.match(f"Error: .*{message}", result.stderr), result.stderr
            assert "--control-socket" in result.stderr

    def test_of_an_agent_that_was_killed_is_replaced(self, own: Served) -> None:
        own.agent.match("Running on")
        own.agent.signal(signal.SIGKILL)
        own.agent.wait()
        assert Path(own.keploy.control).is_socket()
        served = serve(own.commands, own.keploy, own.gate)
        own.keploy.start("s/one")
        served.get("/a")
        assert own.keploy.end("s/one") == served.lines("this is a")
