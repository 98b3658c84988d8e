"""GitHub Actions: annotations, the summary of a step, and Markdown for both summaries and comments.

GitHub drops what is beyond its limits without a word. So all that is written here keeps within them, and names how much
was left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Of each kind, in one step of a job.
MAX_ANNOTATIONS = 10
# In bytes, for one step.
MAX_SUMMARY = 1 << 20
# In characters.
MAX_COMMENT = 65_536

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"

# What Markdown would take for its own syntax in a table's cell or in a title, and HTML for a tag.
_MARKDOWN = re.compile(r"([\\`*_\[\]|#~])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark on lines of a file; ``path`` is relative to the folder of the repository."""

    path: str
    message: str
    line: int | None = None
    end_line: int | None = None
    title: str = ""

    def command(self, kind: str) -> str:
        """The workflow command for it; ``kind`` is ``notice``, ``warning`` or ``error``."""
        properties = {"file": self.path, "line": self.line, "endLine": self.end_line, "title": self.title}
        written = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value)
        return f"::{kind} {written}::{_data(self.message)}"


def annotation_commands(found: Sequence[Annotation], kind: str = "warning") -> list[str]:
    """The workflow commands for the first annotations, as many as GitHub shows; a notice counts the others."""
    commands = [annotation.command(kind) for annotation in found[:MAX_ANNOTATIONS]]
    more = len(found) - len(commands)
    if more:
        commands.append(f"::notice::{more} more of these are not shown: GitHub shows {MAX_ANNOTATIONS} for each step")
    return commands


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def write_summary(markdown: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Add Markdown to the step's summary. Returns False outside of GitHub Actions, and if the summary is full."""
    path = environ.get(SUMMARY_VARIABLE)
    if not path:
        return False
    content = f"{markdown.rstrip()}\n".encode("utf-8", "replace")
    file = Path(path)
    if (file.stat().st_size if file.exists() else 0) + len(content) > MAX_SUMMARY:
        return False
    with file.open("ab") as summary:
        summary.write(content)
    return True


def markdown_text(text: str) -> str:
    """Return ``text`` as Markdown that shows it unchanged, in a table too."""
    escaped = "".join(_HTML.get(character, character) for character in text)
    return _MARKDOWN.sub(r"\\\1", escaped)


def markdown_code(text: str) -> str:
    """Return ``text`` as code in Markdown, in a table too."""
    if "`" in text or not text:
        return markdown_text(text)
    return f"`{text}`".replace("|", r"\|")
