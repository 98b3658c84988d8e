"""Fixtures: an application with views whose lines are known."""

from __future__ import annotations

from ..support.views import app, views

__all__ = ["app", "views"]
