"""A fixture: commands that answer with a table."""

from __future__ import annotations

from .answers import table

__all__ = ["table"]
