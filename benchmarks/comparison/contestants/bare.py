"""The bare application, with which all others are compared."""

from __future__ import annotations

from .base import Contestant


class Bare(Contestant):
    name = "bare"
    title = "bare"
    note = "The application alone."
    rival = False
    measures = False
