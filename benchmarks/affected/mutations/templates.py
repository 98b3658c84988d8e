"""Mutations of templates: lines, texts and expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .tree import Tree

EXPRESSION = re.compile(r"(\{\{-?\s*)(.*?)(\s*-?\}\})")
CONDITION = re.compile(r"\{%(-?)\s*(if|elif)\s+(.*?)\s*(-?)%\}")


def lines_of_templates(tree: Tree, name: str) -> Iterator[tuple[str, str]]:
    """Each other text of a template with a title: a line less, twice, in another place, another text."""
    lines = tree.files[name].splitlines(keepends=True)
    for index, line in enumerate(lines):
        rest = lines[index + 1 :]
        for title, others in (
            ("line removed", []),
            ("line twice", [line, line]),
            ("text added", [f"planted {line}"]),
            ("text changed", [changed_text(line)]),
            ("comment added", ["{# A remark. #}\n", line]),
            ("expression changed", [EXPRESSION.sub(r"\1(\2) ~ 'x'\3", line)]),
            ("filter added", [EXPRESSION.sub(r"\1(\2)|upper\3", line)]),
            ("expression removed", [EXPRESSION.sub("", line)]),
            ("condition turned round", [CONDITION.sub(r"{%\1 \2 not (\3) \4%}", line)]),
            ("condition never holds", [CONDITION.sub(r"{%\1 \2 false \4%}", line)]),
            ("swapped with the next", [*rest[:1], line]),
        ):
            after = rest[1:] if title.startswith("swapped") else rest
            text = "".join([*lines[:index], *others, *after])
            if text != tree.files[name]:
                yield text, f"line {index + 1}: {title}"


def changed_text(line: str) -> str:
    """A line of a template with another text between its tags."""
    return re.sub(r">([^<>{}%]*\w)", r">\1x", line)
