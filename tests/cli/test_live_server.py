"""``flask livecov status --url`` and ``shutdown --url``: the commands that ask a live server.

Tests ``control_client`` and ``cli.reports``.
"""

from __future__ import annotations

import json
import socket
import threading

from ..support.processes import Commands, fetch


def test_status_and_shutdown(commands: Commands) -> None:
    server = commands.serve("--no-report", LIVECOVERAGE_TOKEN="secret")
    fetch(f"{server.url}/")

    asked = commands.livecov("status", "--url", server.url, app=None)
    # Where `livecov run` has put the address.
    as_json = commands.livecov("status", "--format", "json", app=None, LIVECOVERAGE_URL=server.url)
    text, status = asked.wait(), json.loads(as_json.wait().stdout)

    assert text.status == 0
    assert text.stderr == ""
    assert f"run        {status['run']}\n" in text.stdout
    assert (status["requests"], status["recording"], status["window"]) == (1, True, None)

    elsewhere = commands.livecov("shutdown", "--url", f"{server.url}/below", app=None).wait()
    ended = commands.livecov("shutdown", "--url", f"{server.url}/", app=None).wait()

    assert elsewhere.status == 1
    assert elsewhere.stderr == f"Error: {server.url}/below/shutdown answers 404: is live coverage active there?\n"
    assert (ended.status, ended.stdout, ended.stderr) == (0, "Server shutting down...\n", "")
    assert server.wait().status == 0


def test_no_server_or_another(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        unused = f"http://127.0.0.1:{free.getsockname()[1]}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        other = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=speak_something_else, args=(listener, 2))
        thread.start()
        results = {
            (name, url): commands.livecov(name, "--url", url, app=None).wait()
            for url in (unused, other)
            for name in ("shutdown", "status")
        }
        thread.join()

    for (name, url), result in results.items():
        assert result.status == 1
        assert result.stdout == ""
        path = "/shutdown" if name == "shutdown" else "/__coverage__/status"
        assert result.stderr in (
            f"Error: no server answers at {url}{path} ([Errno 111] Connection refused)\n",
            f"Error: {url}{path} does not speak HTTP: check that the URL names the measured server\n",
        )


def speak_something_else(listener: socket.socket, times: int) -> None:
    for _ in range(times):
        connection, _ = listener.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(b"SSH-2.0-OpenSSH\r\n")
