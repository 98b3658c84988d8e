"""Fixtures: a run of two requests, and the source file whose lines they ran."""

from __future__ import annotations

from ..support.runs import run, source

__all__ = ["run", "source"]
