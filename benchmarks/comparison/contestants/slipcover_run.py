"""SlipCover around the whole process."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

from .base import Contestant, Lines

if TYPE_CHECKING:
    from flask import Flask


class SlipCover(Contestant):
    name = "slipcover"
    title = "SlipCover"
    note = "Totals of the process, when it has ended; records a line only the first time it runs."
    package = "slipcover"
    versions = ((3, 11), (3, 14))

    def launcher(self, source: str) -> list[str]:
        return ["-m", "slipcover", f"--source={source}", "--json", "--out", "slipcover.json"]

    def lines(self, app: Flask) -> Lines:
        from slipcover import Slipcover

        # SlipCover's command does not expose the object.
        running = next(found for found in gc.get_objects() if type(found) is Slipcover)
        files = running.get_coverage()["files"]
        return {os.path.abspath(name): set(file["executed_lines"]) for name, file in files.items()}
