"""A server that ``flask livecov serve`` runs for many tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import Command, fetch


@dataclass
class MeasuredServer:
    """The server, and the source of its application."""

    command: Command
    source: Path

    @property
    def url(self) -> str:
        return self.command.url

    def json(self, path: str, method: str = "GET") -> Any:
        """Return the answer of a control route."""
        status, text = fetch(f"{self.url}/__coverage__/{path}", method)
        assert status == 200, text
        return json.loads(text)

    def reset(self) -> None:
        """Reset: only later requests count."""
        self.json("reset", "POST")
