"""Forked workers add lines to the requests that they work for; other processes are not measured; nothing is mixed."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from tests.support.servers import LISTENING, PYTHON, get, process, read_port, write_script

from .harness import AMBIENT, WORK, ask, ask_both, at_once, path_of, recorded, recorder, serve_views, truth

Load = Callable[..., ModuleType]

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

FORKED_WORK = WORK.replace(
    "import threading\n\nmeeting = threading.Barrier(2)",
    'import multiprocessing\n\nfork = multiprocessing.get_context("fork")\nmeeting = fork.Barrier(2)',
)

OWN = {
    "Process": """
        def view(side):
            child = fork.Process(target=work, args=(side,))  # both
            child.start()  # both
            child.join()  # both
            return side  # both
    """,
    "ProcessPoolExecutor": """
        from concurrent.futures import ProcessPoolExecutor

        def view(side):
            with ProcessPoolExecutor(1, mp_context=fork) as pool:  # both
                first = pool.submit(work, side).result()  # both
                return "".join(pool.map(work, [first]))  # both
    """,
    "Pool": """
        def view(side):
            pool = fork.Pool(1)  # both
            pool.apply(work, (side,))  # both
            pool.map(work, [side], 1)  # both
            list(pool.imap(work, [side]))  # both
            pool.close()  # both
            pool.join()  # both
            return side  # both
    """,
    "Process in a Process": """
        def outer(side):
            child = fork.Process(target=work, args=(side,))  # both
            child.start()  # both
            child.join()  # both

        def view(side):
            child = fork.Process(target=outer, args=(side,))  # both
            child.start()  # both
            child.join()  # both
            return side  # both
    """,
}


@pytest.mark.parametrize("kind", OWN)
def test_own_processes(load_module: Load, engine_name: str, kind: str) -> None:
    module = load_module(FORKED_WORK + textwrap.dedent(OWN[kind]))
    app = serve_views(module, engine_name)
    for _ in range(2):
        ask_both(app)
    assert recorded(path_of(module)) == truth(path_of(module))


MAKE = {
    "ProcessPoolExecutor": """
        from concurrent.futures import ProcessPoolExecutor

        def make():
            return ProcessPoolExecutor(2, fork, initialize)  # make

        def submit(function, *args):
            return pool.submit(function, *args).result()  # every

        def close():
            pool.shutdown()  # ambient
    """,
    "Pool": """
        def make():
            return fork.Pool(2, initialize)  # make

        def submit(function, *args):
            return pool.apply(function, args)  # every

        def close():
            pool.close()  # ambient
            pool.join()  # ambient
    """,
}
USE = """
pool = None

def initialize():
    ready = True  # ambient

def view(side):
    global pool
    if side == "make":  # every
        pool = make()  # make
        submit(started)  # make
    else:
        submit(work, side)  # both
    return side  # every

def started():
    return True  # make
"""


@pytest.mark.parametrize("kind", MAKE)
def test_processes_that_serve_all_requests(load_module: Load, engine_name: str, kind: str) -> None:
    """Workers that are forked in a request do not belong to it: each call belongs to the request that submits it."""
    module = load_module(FORKED_WORK + textwrap.dedent(MAKE[kind]) + USE)
    app = serve_views(module, engine_name)
    ask(app, "/make")
    for _ in range(2):
        ask_both(app)
    module.close()
    expected = truth(path_of(module))
    every = expected.pop("/every")
    for path in ("/a", "/b", "/make"):
        expected[path] = sorted([*expected[path], *every])
    assert recorded(path_of(module)) == expected


def test_forked_work_of_an_unrecorded_request_is_not_recorded(load_module: Load, engine_name: str) -> None:
    module = load_module(FORKED_WORK + textwrap.dedent(MAKE["ProcessPoolExecutor"]) + USE)
    app = serve_views(module, engine_name, LIVECOVERAGE_AUTOSTART=False)
    livecov = app.extensions["livecoverage"].livecov
    at_once(lambda: ask(app, "/make"))
    ask_both(app)
    with livecov.window("only a"):
        at_once(lambda: ask(app, "/a"), lambda: module.meeting.wait(30) + module.meeting.wait(30))
        # A call that an unrecorded request submitted, and that begins after a window was opened.
        recorder().parent_request("another-1", is_recordable=False).run(module.started)
    module.close()
    expected = truth(path_of(module))
    assert recorded(path_of(module)) == {
        "/a": sorted([*expected["/a"], *expected["/every"]]),
        AMBIENT: expected[AMBIENT],
    }


SPAWNING = """
    import json
    import multiprocessing
    import sys
    from concurrent.futures import ProcessPoolExecutor

    from flask import Flask

    import jobs
    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    LiveCoverage(app)

    @app.get("/<method>")
    def view(method):
        context = multiprocessing.get_context(method)  # view
        with ProcessPoolExecutor(1, context) as pool:  # view
            found = [pool.submit(jobs.job, 2).result()]  # view
        with context.Pool(1) as pool:  # view
            found.append(pool.apply(jobs.job, (3,)))  # view
        child = context.Process(target=jobs.job, args=(4,))  # view
        child.start()  # view
        child.join()  # view
        return json.dumps([*found, child.exitcode])  # view
"""
JOBS = """
    def job(n):
        return n * n  # job
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_are_not_forked_work_unmeasured(tmp_path: Path, engine_name: str, method: str) -> None:
    """They work, but are not measured: their lines are in no request, rather than in a wrong one."""
    (tmp_path / "application.py").write_text(textwrap.dedent(SPAWNING))
    (tmp_path / "jobs.py").write_text(textwrap.dedent(JOBS))
    script = write_script(tmp_path / "serve.py")
    # The children import the server's script, and must not serve.
    script.write_text(f'if __name__ == "__main__":\n{textwrap.indent(script.read_text(), "    ")}')
    environ = {**os.environ, "LIVECOVERAGE": "1", "LIVECOVERAGE_ENGINE": engine_name}
    with process([PYTHON, str(script)], environ, tmp_path) as server:
        port = read_port(server, LISTENING)
        status, body = get(port, f"/{method}")
        assert (status, json.loads(body)) == (200, [4, 9, 0])
        assert server.stdin is not None
        server.stdin.close()
        server.wait()
    (folder,) = DataDir(tmp_path / ".livecov").select("all")
    run = read_run(folder)
    (request,) = run.requests
    by_path = run.traces[request.trace].line_numbers()
    assert by_path == {str(tmp_path / "application.py"): _tagged(tmp_path / "application.py", "view")}
    assert len(run.processes) == 1


ACTIVE = """
    import multiprocessing
    import sys
    from concurrent.futures import ProcessPoolExecutor

    from flask import Flask

    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    app.config.update(TESTING=True, LIVECOVERAGE_ENGINE=sys.argv[1])
    LiveCoverage(app)

    def job(n):
        return n * n  # job

    @app.get("/<method>")
    def view(method):
        with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:  # view
            return str(pool.submit(job, 3).result())  # view

    if __name__ == "__main__":
        for method in ("spawn", "forkserver", "fork"):
            assert app.test_client().get(f"/{method}").text == "9"
"""


def test_processes_that_import_the_application_are_in_its_run(tmp_path: Path, engine_name: str) -> None:
    """They activate recording again, in the same run, since another one would be the latest. Their jobs are ambient."""
    script = tmp_path / "application.py"
    script.write_text(textwrap.dedent(ACTIVE))
    ran = subprocess.run(
        [PYTHON, "-W", "ignore", str(script), engine_name], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    (folder,) = DataDir(tmp_path / ".livecov").select("all")
    view, job = _tagged(script, "view"), _tagged(script, "job")
    found = recorded(script, read_run(folder))
    assert {path: found[path] for path in ("/spawn", "/forkserver", "/fork")} == {
        "/spawn": view, "/forkserver": view, "/fork": sorted([*job, *view])
    }  # fmt: skip
    assert set(found[AMBIENT]) & {*view, *job} == {*job}


PROGRAM = """
    import multiprocessing
    import subprocess
    import sys

    from flask import Flask

    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    app.config.update(TESTING=True, LIVECOVERAGE_ENGINE=sys.argv[1])
    LiveCoverage(app)
    assert app.test_client().get(f"/{sys.argv[2]}").status_code == 404
    if sys.argv[2] == "parent":
        subprocess.run([sys.executable, __file__, sys.argv[1], "child"], check=True)
"""


def test_program_that_the_application_starts_has_a_run_of_its_own(tmp_path: Path, engine_name: str) -> None:
    """It inherits the environment, as a worker does, but is no worker."""
    script = tmp_path / "application.py"
    script.write_text(textwrap.dedent(PROGRAM))
    subprocess.run([PYTHON, str(script), engine_name, "parent"], cwd=tmp_path, check=True, timeout=120)
    runs = [read_run(folder) for folder in DataDir(tmp_path / ".livecov").select("all")]
    assert sorted([request.path for request in run.requests] for run in runs) == [["/child"], ["/parent"]]


def _tagged(path: Path, tag: str) -> list[int]:
    return [n for n, line in enumerate(path.read_text().splitlines(), 1) if line.endswith(f"# {tag}")]
