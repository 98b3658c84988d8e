"""The name under which :mod:`flask_livecoverage.testid.clients` was published first."""

from __future__ import annotations

from .testid.clients import Carriers, carried_name

__all__ = ["Carriers", "carried_name"]
