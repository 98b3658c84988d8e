"""Fixtures: the settings with which applications without Flask are measured."""

from __future__ import annotations

from .other_frameworks import environ

__all__ = ["environ"]
