"""Fixtures: an application whose lines are known, and a client of its control routes."""

from __future__ import annotations

from .client import client, make_app, module, start

__all__ = ["client", "make_app", "module", "start"]
