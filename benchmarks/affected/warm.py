"""A process that runs the suite again and again, each time in a forked child: what it has imported need not be imported
again.

It reads a line of JSON for each run, and writes one when the run has ended. Nothing of the application is imported
before the fork.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import pytest

from . import reports, wire
from .applications import APPLICATIONS, Application

# What pytest and the applications import, so that a child need not.
WARM_MODULES = ("flask", "flask.testing", "flask_livecoverage", "jinja2.ext", "sqlite3", "werkzeug.serving")
MEMORY = 3 << 30
BOOT_SECONDS = 20
ARGUMENTS = ["-q", "--tb=no", "--no-header", "-p", "no:cacheprovider", "--continue-on-collection-errors"]


def main(name: str) -> None:
    """Run the suite of an application, which is in the current folder, for each line of standard input."""
    application = APPLICATIONS[name]
    for module in (*WARM_MODULES, *application.warm_modules):
        with contextlib.suppress(ImportError):
            __import__(module)
    sys.dont_write_bytecode = True
    for line in sys.stdin:
        print(json.dumps(run(application, json.loads(line))), flush=True)


def run(application: Application, wanted: dict[str, Any]) -> dict[str, Any]:
    """Run the suite in a child; whether it was started, and ended in time."""
    child = os.fork()
    if not child:
        be_child(application, wanted)
    status = wait(child, time.monotonic() + wanted["limit"])
    return {"status": status, "started": Path(wanted["reports"]).exists()}


def wait(child: int, deadline: float) -> int | None:
    """Wait for a child; its status, or None if it was killed because it took too long."""
    pause = 0.002
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(0.05, 1.5 * pause)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def be_child(application: Application, wanted: dict[str, Any]) -> NoReturn:
    """Start the application, run the suite, and end the process."""
    status = 99
    try:
        quiet = os.open(os.devnull, os.O_RDWR)
        errors = os.open(wanted["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number, target in enumerate((quiet, quiet, errors)):
            os.dup2(target, number)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.alarm(BOOT_SECONDS)
        wire.BOOTED.append(application.start())
        signal.alarm(0)
        os.environ.update({reports.FILE_VARIABLE: wanted["reports"], reports.SECONDS_VARIABLE: str(wanted["seconds"])})
        # It shows that the application has started.
        Path(wanted["reports"]).touch()
        status = int(pytest.main([*ARGUMENTS, *wanted["tests"]], plugins=[wire, reports]))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1])
