"""Parses unified diffs, of git and of other tools.

The library unidiff parses the hunks. The names of files are parsed here, because it neither decodes quoted ones nor
separates the two names of a header that contain blanks.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal

from unidiff import PatchSet, UnidiffParseError

from ..errors import ConfigurationError
from ..model.changes import Diff, DiffLine, FileChange, Hunk
from ..model.text import abridged, printable

_GIT = "diff --git "
_COMBINED = ("diff --cc ", "diff --combined ", "@@@ ")
_NOWHERE = "/dev/null"
_KINDS: Mapping[str, Literal["link", "submodule"]] = {"120000": "link", "160000": "submodule"}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SUBMODULE = re.compile(r"Submodule (.+) [0-9a-f]{7,}\.{2,3}[0-9a-f]{7,}(?: \(.*\))?:?")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_LETTERS = dict(zip(b"abtnvfr", b"\a\b\t\n\v\f\r", strict=True))
# A line that belongs to a hunk: not the signature of git's mails, and not the names of the next file.
_LEFTOVER = re.compile(r"\+(?!\+\+ )|-(?!- \r?\n|-- )")


def parse_diff(content: bytes, name: str = "the diff") -> Diff:
    """Return the changes in a unified diff, which error messages call ``name``.

    An empty diff has no changes. Raises ConfigurationError for anything that is not a diff of single files, each
    changed once.
    """
    text = _decode(content)
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    if any(line.startswith(_COMBINED) for line in lines):
        raise ConfigurationError(
            f"{name} is a combined diff, of a merge: compare with one commit, as git diff BASE does"
        )
    try:
        changes = [change for section in _sections(lines) for change in _parse_section(section)]
        changes += _listed_submodules(lines)
    # The last: unidiff before 1.0 fails with it if only the second name of a file is there.
    except (UnidiffParseError, ValueError, UnboundLocalError) as error:
        reason = abridged(printable(" ".join(str(error).split())), 100)
        raise ConfigurationError(f"{name} is a damaged diff ({reason}): make it again, with git diff") from None
    if not changes and text.strip():
        hint = " --no-color" if "\x1b[" in text else ""
        raise ConfigurationError(f"{name} is no unified diff, there is no hunk in it: make one with git diff{hint}")
    _refuse_repetition(changes, name)
    return changes


def _decode(content: bytes) -> str:
    # Windows PowerShell writes UTF-16 where a command's output is redirected into a file.
    if content.startswith(_UTF_16):
        return content.decode("utf-16", "replace")
    return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def _refuse_repetition(changes: Diff, name: str) -> None:
    times = Counter(change.path for change in changes if change.status != "deleted")
    repeated = next((path for path, count in times.items() if count > 1), None)
    if repeated is not None:
        raise ConfigurationError(
            f"{name} changes {printable(repeated)} more than once, as several commits do: pass one diff of them all"
        )


def _sections(lines: list[str]) -> Iterator[list[str]]:
    """The parts of a diff that begin with git's header, and what precedes them."""
    section: list[str] = []
    for line in lines:
        # No line of a hunk begins with a letter.
        if line.startswith(_GIT):
            yield section
            section = []
        section.append(line)
    yield section


def _parse_section(section: list[str]) -> Iterator[FileChange]:
    if not section or not section[0].startswith(_GIT):
        yield from _parse_plain(section)
        return
    start = next((number for number, line in enumerate(section) if line.startswith("@@ ")), len(section))
    header = _Header.parse(section[:start])
    if start == len(section):
        yield header.change()
        return
    # unidiff need not read the names, which it might separate elsewhere.
    (_, _, hunks), *others = _parse_hunks(["--- a\n", "+++ b\n", *section[start:]])
    yield replace(header.change(), hunks=hunks if header.kind == "text" else ())
    for old, new, more in others:
        yield _plain_change(_name(old), _name(new), more)


def _listed_submodules(lines: list[str]) -> Iterator[FileChange]:
    """The submodules whose commits are listed in place of a diff, as git does with ``diff.submodule=log``."""
    for line, following in pairwise([*lines, ""]):
        found = _SUBMODULE.fullmatch(line.rstrip("\r\n"))
        if found and not following.startswith(_GIT):
            yield FileChange(found[1], found[1], "modified", "submodule")


# Hunks


def _parse_hunks(lines: Sequence[str]) -> list[tuple[str, str, list[Hunk]]]:
    """The two names of each file, and its hunks. Raises ValueError if lines are missing or left over."""
    parsed = PatchSet(lines)
    consumed = {line.diff_line_no or 0 for file in parsed for hunk in file for line in hunk}
    # Those that follow a hunk; unidiff takes them for comments.
    for number in range(len(lines)):
        if number in consumed and number + 1 not in consumed and _LEFTOVER.match(lines[number]):
            raise ValueError(f"a hunk has more lines than its header counts: {lines[number][:40]}")
    files = [(file.source_file, file.target_file, [_hunk(hunk) for hunk in file]) for file in parsed]
    for _, _, hunks in files:
        numbers = [line.new for hunk in hunks for line in hunk.lines if line.new is not None]
        # The names of the next file look like lines, and a hunk from which one was cut ends with them.
        if any(first >= second for first, second in pairwise(numbers)):
            raise ValueError("the hunks of a file are not in the order of their lines")
    return files


def _hunk(parsed: Any) -> Hunk:
    lines: list[DiffLine] = []
    for line in parsed:
        if line.line_type in ("+", "-", " "):
            lines.append(DiffLine(line.line_type, line.value, line.source_line_no, line.target_line_no))
        elif line.line_type == "\\" and lines:
            # It is about the line before: "\ No newline at end of file".
            lines[-1] = replace(lines[-1], text=lines[-1].text.removesuffix("\n"))
    return Hunk(parsed.source_start, parsed.target_start, lines)


# Names


@dataclass
class _Header:
    """The header of a file in git's format: everything before its first hunk."""

    names: str
    old_mode: str = ""
    new_mode: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    is_binary: bool = False

    @classmethod
    def parse(cls, lines: Sequence[str]) -> _Header:
        header = cls(lines[0].removeprefix(_GIT).rstrip("\r\n"))
        for line in (line.rstrip("\r\n") for line in lines[1:]):
            header.is_binary |= line.startswith(("Binary files ", "GIT binary patch"))
            for key in _FIELDS:
                if line.startswith(key):
                    header.fields.setdefault(key.strip(), line.removeprefix(key))
        return header

    @property
    def kind(self) -> Literal["text", "binary", "link", "submodule"]:
        modes = (self.fields.get(key, "") for key in ("new file mode", "new mode", "deleted file mode"))
        mode = next(filter(None, modes), self.fields.get("index", "").rpartition(" ")[2])
        return "binary" if self.is_binary else _KINDS.get(mode, "text")

    @property
    def has_other_mode(self) -> bool:
        return "new mode" in self.fields

    def change(self) -> FileChange:
        """The change without its hunks."""
        for verb, status in (("rename", "renamed"), ("copy", "copied")):
            if f"{verb} from" in self.fields and f"{verb} to" in self.fields:
                old, new = (_name(self.fields[f"{verb} {which}"]) for which in ("from", "to"))
                return FileChange(
                    new,
                    old,
                    status,  # type: ignore[arg-type]
                    self.kind,
                    has_other_mode=self.has_other_mode,
                )
        path = self._path()
        if not path:
            # Of two files that git was asked to compare.
            old, new = (_name(self.fields.get(key, "")) for key in ("---", "+++"))
            return _plain_change(old, new, ())
        if "new file mode" in self.fields or self.fields.get("---") == _NOWHERE:
            return FileChange(path, None, "added", self.kind)
        if "deleted file mode" in self.fields or self.fields.get("+++") == _NOWHERE:
            return FileChange(path, path, "deleted", self.kind)
        return FileChange(path, path, "modified", self.kind, has_other_mode=self.has_other_mode)

    def _path(self) -> str:
        """The name without the prefixes: both names of the header end with it."""
        return max((common_end(old, new) for old, new in self._splits()), key=len, default="")

    def _splits(self) -> Iterator[tuple[str, str]]:
        """The ways to split the names of the header, which are separated by a blank and may contain blanks."""
        for number, character in enumerate(self.names):
            if character == " ":
                yield _name(self.names[:number]), _name(self.names[number + 1 :])


_FIELDS = (
    "--- ", "+++ ", "copy from ", "copy to ", "deleted file mode ", "index ", "new file mode ", "new mode ",
    "rename from ", "rename to ",
)  # fmt: skip


def common_end(old: str, new: str) -> str:
    """The path at the end of two names: a diff writes them with prefixes, such as ``a/`` and ``b/``."""
    ends = [name for name in _ends(old) if new == name or new.endswith(f"/{name}")]
    return max(ends, key=len, default="")


def _ends(name: str) -> Iterator[str]:
    yield name
    for found in re.finditer("/", name):
        yield name[found.end() :]


def _name(written: str) -> str:
    """A name as it is written in a diff: quoted if it contains unusual characters, or followed by a time."""
    if _QUOTED.fullmatch(written):
        unescaped = _ESCAPE.sub(_unescape, written[1:-1].encode("utf-8", "surrogateescape"))
        return unescaped.decode("utf-8", "surrogateescape")
    return written.split("\t")[0]


def _unescape(found: re.Match[bytes]) -> bytes:
    escaped = found[1]
    return bytes([int(escaped, 8) & 0xFF] if len(escaped) == 3 else [_LETTERS.get(escaped[0], escaped[0])])


# Diffs of other tools


def _parse_plain(lines: Sequence[str]) -> Iterator[FileChange]:
    for old, new, hunks in _parse_hunks(lines):
        if hunks:
            yield _plain_change(_name(old.rstrip("\r")), _name(new.rstrip("\r")), hunks)


def _plain_change(old: str, new: str, hunks: Sequence[Hunk]) -> FileChange:
    if new == _NOWHERE:
        return FileChange(old, old, "deleted", hunks=hunks, other_names=_shorter(old))
    if old == _NOWHERE:
        return FileChange(new, None, "added", hunks=hunks, other_names=_shorter(new))
    names = list(dict.fromkeys(filter(None, (common_end(old, new), new, *_shorter(new)))))
    if not names:
        raise ValueError("a file has no name")
    return FileChange(names[0], old, "modified", hunks=hunks, other_names=names[1:])


def _shorter(name: str) -> list[str]:
    return list(filter(None, [name.partition("/")[2]]))
