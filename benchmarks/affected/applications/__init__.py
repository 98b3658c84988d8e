"""The applications of the experiment."""

from __future__ import annotations

from .base import Application
from .example import EXAMPLE
from .tutorial import TUTORIAL

APPLICATIONS = {application.name: application for application in (EXAMPLE, TUTORIAL)}

__all__ = ["APPLICATIONS", "Application"]
