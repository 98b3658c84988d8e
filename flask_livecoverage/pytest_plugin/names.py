"""The name of a test in the server: its node id, changed where that is not a valid name for a window."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from urllib.parse import quote

from ..model.text import MAX_NAME_LENGTH, PART_SEPARATOR, printable

# The rest of the longest name is for the parts of the test.
_MAX_TEST = 900


def test_name(node_id: str, domain: str) -> str:
    """Return the name of the test with this node id: the id itself, unless it is too long or not printable.

    In that case, it is escaped and cut, and a hash keeps it distinct from other tests.

    :param domain: the last item of pytest's ``location``, such as ``TestClass.test_a[x]``. Tests that plugins generate
        from one function (schemathesis: one for each operation) may share a node id, and differ there.
    """
    _, *names = node_id.split("::")
    shared = ".".join(names)
    # A node id with its own parameters is not shared.
    if shared and "[" not in names[-1] and domain.startswith(f"{shared}["):
        node_id += domain[len(shared) :]
    return _fitting(node_id, _MAX_TEST)


test_name.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def part_name(test: str, part: str) -> str:
    """Return the name of a part of a test."""
    return _fitting(part, MAX_NAME_LENGTH, before=test + PART_SEPARATOR)


def _fitting(name: str, longest: int, before: str = "") -> str:
    """Return ``before`` and ``name``, changed where necessary: together at most ``longest`` characters."""
    # Blanks at the ends would be lost in a header.
    if name and name.isprintable() and name == name.strip() and _fits(before + name, longest):
        return before + name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    readable = printable(name[:longest]).lstrip()

    def cut(length: int) -> str:
        return before + f"{readable[:length].rstrip()} #{digest}".lstrip()

    return cut(bisect_left(range(1, longest), True, key=lambda length: not _fits(cut(length), longest)))


def _fits(name: str, longest: int) -> bool:
    # A browser stores some 3800 bytes of a cookie, in which most characters take three or more.
    return len(name) <= longest and len(quote(name)) <= 3.5 * longest
