"""Logs once per run that a server is measured, unless a ``livecov`` command reports on it."""

from __future__ import annotations

import logging
import os
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

from ..model.data_files import open_data_file
from ..recording.recorder import Recorder
from ..settings import ACTIVE_VARIABLE, STARTUP_VARIABLE, Settings
from .shutdown import SERVER_KEY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("flask_livecoverage")


def announce(environ: WSGIEnvironment, recorder: Recorder, settings: Settings) -> None:
    """Log that requests are recorded, where, and how to report on them: at a server's first request, once per run.

    Not earlier, because an application that is only created, in a test for example, is no server; and not for a test
    client. Servers of ``livecov serve`` and ``run`` have their own output.
    """
    if SERVER_KEY in environ or STARTUP_VARIABLE in os.environ or not environ.get("REMOTE_PORT"):
        return
    if _is_first(recorder):
        folder, run = recorder.run.path.parent.parent, recorder.run.id
        _log(
            f"live coverage is on ({_reason(settings)}): requests are recorded in {folder}, run {run}; dashboard: "
            f"{settings.url_prefix}/; report: `{_report_command(recorder)}`"
        )


def _is_first(recorder: Recorder) -> bool:
    """True if no process of the run has announced it yet. All workers of a server share one announcement."""
    with suppress(OSError):
        marker = recorder.run.path / "marks.announced"
        os.close(open_data_file(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        return True
    return False


def _reason(settings: Settings) -> str:
    if settings.enabled:
        return "LIVECOVERAGE_ENABLED"
    return f"{ACTIVE_VARIABLE}=1" if os.environ.get(ACTIVE_VARIABLE) else "TESTING"


def _report_command(recorder: Recorder) -> str:
    data_dir = str(recorder.run.path.parent.parent)
    is_default = data_dir == os.path.join(recorder.root, ".livecov")
    return shlex.join(["flask", "livecov", "report", *([] if is_default else ["--data-dir", data_dir])])


def _log(message: str) -> None:
    # As with Werkzeug's logger, only a level set on this logger hides the line. The root logger's level is mostly the
    # default, WARNING, also where a server has configured logging for itself, as waitress does.
    if logger.level > logging.INFO:
        return
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 0, "%s", (message,), None)
    # Without any handler, Python would show nothing below WARNING.
    (logger if logger.hasHandlers() else logging.StreamHandler()).handle(record)
