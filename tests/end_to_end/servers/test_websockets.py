"""WebSockets that a view takes over from gunicorn, with a real client: not recorded as an error of the application."""

from __future__ import annotations

import websocket

from ...support.processes import Commands, Gate
from ...support.real_servers import GUNICORN, recorded, start

# As in Flask-Sock: the view sends to the client itself, and its response makes gunicorn send nothing more.
APP = """
    import base64
    import hashlib

    from flask import Flask, Response, request
    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    LiveCoverage(app)

    class Taken(Response):
        def __call__(self, environ, start_response):
            raise StopIteration

    @app.route("/chat", websocket=True)
    def chat():
        key = request.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        request.environ["gunicorn.socket"].sendall(
            "HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
            f"Sec-WebSocket-Accept: {accept}\\r\\n\\r\\n\\x81\\x02hi".encode("latin-1")
        )
        return Taken()
"""


def test_taken_over_from_gunicorn(commands: Commands, gate: Gate) -> None:
    commands.write("chat.py", APP)
    live = start(commands, gate, f"{GUNICORN} --threads 2 chat:app")
    client = websocket.create_connection(f"{live.url.replace('http', 'ws')}/chat", timeout=60)
    assert client.recv() == "hi"
    client.shutdown()
    live.end()
    (request,) = recorded(commands).requests
    assert (request.path, request.status, request.route, request.endpoint) == ("/chat", 101, "/chat", "chat")
