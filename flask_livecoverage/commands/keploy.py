"""What ``flask livecov keploy`` and ``replay`` do, apart from reading their options."""

from __future__ import annotations

import click

from ..keploy.agent import Agent
from ..keploy.runs import LiveRun, NoServer
from ..keploy.sockets import listening
from ..settings import load_settings
from ..signals import EndingSignals
from .reporting import warn


def run_agent(url: str, control_socket: str, data_socket: str) -> None:
    """Answer Keploy's commands for the server at ``url`` until a signal comes."""
    run = LiveRun(f"{url}{load_settings({}).url_prefix}/status")
    with EndingSignals() as signals, listening(control_socket) as listener:
        agent = Agent(listener, run, data_socket)
        signals.next_calls(agent.stop)
        try:
            run.find()
        except NoServer as error:
            # Keploy may be about to start it.
            warn(str(error))
        click.echo(f" * Keploy's agent listens on {control_socket}", err=True)
        agent.serve_until_stopped()
