"""Syntax trees as text: equal for equal code, whatever its positions, formatting and comments."""

from __future__ import annotations

import ast

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

# ctx follows from the place, kind is the u of a string; type comments are comments.
_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def fingerprint(value: object) -> str:
    """Return the text of a node or a list of nodes. The bodies of functions defined within are left out."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def _write(value: object, parts: list[str]) -> None:
    if isinstance(value, ast.AST):
        parts.append(f"{type(value).__name__}(")
        for name, item in ast.iter_fields(value):
            if name not in _SKIPPED and not (name == "body" and isinstance(value, FunctionNode)):
                _write(item, parts)
                parts.append(",")
        parts.append(")")
    elif isinstance(value, list):
        parts.append("[")
        for item in value:
            _write(item, parts)
            parts.append(",")
        parts.append("]")
    else:
        parts.append(f"{type(value).__name__}:{value!r}" if isinstance(value, float | complex | bool) else repr(value))
