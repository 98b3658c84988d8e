"""Fixtures: a run of two requests, Keploy's sockets, and servers with an agent."""

from __future__ import annotations

from ..support.runs import run, source
from .served import app, keploy, own, running, served

__all__ = ["app", "keploy", "own", "run", "running", "served", "source"]
