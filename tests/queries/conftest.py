"""Fixtures: commands that answer with JSON, or with a table."""

from __future__ import annotations

from .answers import ask, table

__all__ = ["ask", "table"]
