"""The pages of the documentation, and their commands, literals and sections."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from . import REPOSITORY

DOCS = REPOSITORY / "docs"
README, CONTRIBUTING = REPOSITORY / "README.rst", REPOSITORY / "CONTRIBUTING.rst"
ARCHITECTURE = DOCS / "architecture.rst"

# Written for users. The other pages are for maintainers, or are about older versions.
MANUAL = [README, *sorted({*DOCS.glob("*.rst")} - {ARCHITECTURE, DOCS / "changes.rst", DOCS / "contributing.rst"})]
PAGES = [*MANUAL, ARCHITECTURE, CONTRIBUTING]


@cache
def text_of(page: Path) -> str:
    """A page, followed by the files that it shows."""
    text = page.read_text()
    shown = re.findall(r"^\.\. literalinclude:: (\S+)", text, re.MULTILINE)
    return "\n".join([text, *((page.parent / path).read_text() for path in shown)])


def literals(text: str) -> list[str]:
    """The inline literals of a page, each in one line."""
    return [" ".join(found.split()) for found in re.findall(r"``([^`]+)``", text)]


def console_lines(text: str) -> list[str]:
    """The commands in a page's examples, each in one line."""
    joined = re.sub(r"\\\n\s+", " ", text)
    return re.findall(r"^ +\$ (.*)", joined, re.MULTILINE)


def section_of(text: str, title: str) -> str:
    """The section of a page with this title, up to the next one."""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]
