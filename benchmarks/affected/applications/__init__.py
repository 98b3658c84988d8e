"""The applications of the experiment."""

from __future__ import annotations

from .base import Application
from .tutorial import TUTORIAL

APPLICATIONS = {application.name: application for application in (TUTORIAL,)}

__all__ = ["APPLICATIONS", "Application"]
