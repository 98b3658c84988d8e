"""Checked access to the fields of a recorded document."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ..model.text import whole_number

Fields = Mapping[str, Any]

# Of 18 digits: statuses and sizes of bodies have fewer.
_HIGHEST = 10**18 - 1


class Malformed(Exception):
    """A document is not in Keploy's format; the message names the problem."""


class Skipped(Exception):
    """A document is well-formed but cannot be replayed; the message gives the reason."""


def mapping(fields: Fields, name: str, *, default: Fields | None = None) -> Fields:
    """The mapping ``name``, or ``default`` if it is missing or empty. Raises Malformed."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Malformed(f"it has no {name}" if value is None else f"{name} is not a mapping")
    return value


def texts(fields: Fields, name: str) -> dict[str, str]:
    """The mapping ``name`` of strings; empty if it is missing. Raises Malformed."""
    found = mapping(fields, name, default={})
    for key, value in found.items():
        if not isinstance(value, str | None):
            raise Malformed(f"{name}: {key} is not a string")
    return {key: value or "" for key, value in found.items()}


def text(fields: Fields, name: str, *, default: str | None = None) -> str:
    """The string ``name``. Raises Malformed."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise Malformed(f"it has no {name}" if value is None else f"{name} is not a string")
    return value


def number(fields: Fields, name: str) -> int:
    """The whole number ``name``. Raises Malformed."""
    value = text(fields, name)
    found = whole_number(value, _HIGHEST)
    if found is None:
        raise Malformed(f"{name} is not a number: {value[:40]!r}")
    return found


def content(fields: Fields) -> bytes:
    """The body: ``body_base64`` if present, which Keploy writes for bodies that are not UTF-8, else ``body``."""
    encoded = text(fields, "body_base64", default="")
    if not encoded:
        return text(fields, "body", default="").encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("body_base64 is not valid base64") from None
