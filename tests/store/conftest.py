"""Fixtures: a run of several hundred requests."""

from __future__ import annotations

from .long_run import folder

__all__ = ["folder"]
