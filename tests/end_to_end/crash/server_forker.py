"""Script: starts servers, one after the other, each a fresh process in which nothing was recorded before.

The import of Flask in a new Python process takes longer than the tests with it. So this process imports Flask once, and
forks a child for each line on its standard input, a JSON object ``{"folder", "environ"}``. The child starts to record
when it imports the application, as any server does. On the standard output, ``<pid> <port>`` means that it listens, and
``ended <status>`` that it has ended.
"""

import importlib
import json
import os
import sys

import flask  # noqa: F401
from werkzeug.serving import make_server


def serve(folder: str, environ: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.update(environ)
    sys.path.insert(0, folder)
    application = importlib.import_module("application")
    server = make_server("127.0.0.1", 0, application.app, threaded=True)
    print(os.getpid(), server.server_port, flush=True)
    server.serve_forever()


for line in sys.stdin:
    child = os.fork()
    if not child:
        serve(**json.loads(line))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print("ended", os.waitstatus_to_exitcode(status), flush=True)
