"""``keploy`` and ``replay``: what Keploy's users need."""

from __future__ import annotations

from .group import livecov
from .options import DEFAULT_URL, keploy_socket_options, url_option


@livecov.command()
@url_option
@keploy_socket_options
def keploy(url: str | None, control_socket: str, data_socket: str) -> None:
    """Tell Keploy which lines its tests execute in a live server, until SIGTERM or Ctrl-C.

    For servers other than livecov's own, which have it with `serve --keploy`. Run it where the server runs.
    """
    from ..commands.keploy import run_agent

    run_agent(url or DEFAULT_URL, control_socket, data_socket)
