"""The applications of the experiment."""

from __future__ import annotations

from .base import Application
from .example import EXAMPLE
from .layered import LAYERED
from .registered import REGISTERED
from .tutorial import TUTORIAL

APPLICATIONS = {application.name: application for application in (EXAMPLE, TUTORIAL, LAYERED, REGISTERED)}

__all__ = ["APPLICATIONS", "Application"]
