"""An inactive extension does nothing at all; a measured server imports what one answer needs when it is asked for."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

INACTIVE = """
import logging, sys, threading
from concurrent.futures import ThreadPoolExecutor
from flask import Flask

def state():
    tools = [sys.monitoring.get_tool(n) for n in range(6)] if sys.version_info >= (3, 12) else []
    return (
        sys.gettrace(), threading.gettrace(), sys.getprofile(), tools, threading.enumerate(), threading.Thread.start,
        ThreadPoolExecutor.submit, logging.root.handlers[:], logging.getLogger("flask_livecoverage").handlers[:],
    )

before = state()
from flask_livecoverage import LiveCoverage

app = Flask(__name__)
bare = Flask(__name__)
LiveCoverage(app)

assert app.wsgi_app == Flask.wsgi_app.__get__(app), app.wsgi_app
assert [str(r) for r in app.url_map.iter_rules()] == [str(r) for r in bare.url_map.iter_rules()]
assert app.before_request_funcs == app.after_request_funcs == app.teardown_request_funcs == {}
client = app.test_client()
for path in ("/shutdown", "/__coverage__/status"):
    response = client.get(path)
    assert response.status_code == 404
    assert "Livecov-Request" not in response.headers
assert state() == before
import os
assert "coverage" not in sys.modules
assert os.listdir() == []
"""


# What single questions and formats need.
OF_SINGLE_ANSWERS = {"psutil", "pygments", "scipy", "sqlalchemy", "tabulate", "unidiff", "yaml"}

ACTIVE = """
    import os, sys
    os.environ["LIVECOVERAGE"] = "1"
    from flask import Flask
    from flask_livecoverage import LiveCoverage
    app = Flask("app")
    LiveCoverage(app)
    app.add_url_rule("/", "index", lambda: "hello")
    for path in ("/", "/__coverage__/status"):
        assert app.test_client().get(path).status_code == 200
    print(sorted({heavy} & sys.modules.keys()))
"""


class TestActive:
    def test_imports_what_one_answer_needs_when_it_is_asked_for(self) -> None:
        script = textwrap.dedent(ACTIVE).format(heavy=OF_SINGLE_ANSWERS)
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert (result.returncode, result.stdout, result.stderr) == (0, "[]\n", "")

    def test_served_application_has_no_store(self) -> None:
        # The launcher, which the same module needs, ends processes with it.
        heavy = OF_SINGLE_ANSWERS - {"psutil"}
        script = f"import sys, flask_livecoverage.cli.handlers.serving; print(sorted({heavy} & sys.modules.keys()))"
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert (result.returncode, result.stdout, result.stderr) == (0, "[]\n", "")


class TestInactive:
    def test_is_invisible(self) -> None:
        result = subprocess.run([sys.executable, "-c", INACTIVE], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert result.stdout + result.stderr == ""

    def test_package_alone_starts_nothing(self) -> None:
        script = INACTIVE.partition("app = Flask")[0] + "assert state() == before\nassert 'coverage' not in sys.modules"
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr

    def test_flask_command_does_not_import_coverage(self) -> None:
        """``flask`` loads the commands of all installed packages, whatever it is asked to do."""
        Path("app.py").write_text("from flask import Flask\n\napp = Flask(__name__)\n")
        script = f"""
            import atexit, sys
            from flask.cli import main
            heavy = { {"coverage", *OF_SINGLE_ANSWERS} }
            atexit.register(lambda: print(sorted(heavy & sys.modules.keys())))
            sys.argv = ["flask", "routes"]
            main()
        """
        script = textwrap.dedent(script)
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-1] == "[]"
