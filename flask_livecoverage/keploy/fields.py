"""The fields of a recorded document, checked."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]


class Malformed(Exception):
    """A document is not as Keploy writes it; the message says what is wrong with it."""


class Skipped(Exception):
    """A document is well-formed but nothing that can be replayed; the message says why."""


def mapping(fields: Fields, name: str, *, default: Fields | None = None) -> Fields:
    """The mapping ``name``; ``default`` stands in for one that is missing or empty. Raises Malformed."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise Malformed(f"it has no {name}" if value is None else f"{name} is no mapping")
    return value


def texts(fields: Fields, name: str) -> dict[str, str]:
    """The mapping ``name`` of texts; a missing one is empty. Raises Malformed."""
    found = mapping(fields, name, default={})
    for key, value in found.items():
        if not isinstance(value, str | None):
            raise Malformed(f"{name}: {key} is no text")
    return {key: value or "" for key, value in found.items()}


def text(fields: Fields, name: str, *, default: str | None = None) -> str:
    """The text ``name``. Raises Malformed."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise Malformed(f"it has no {name}" if value is None else f"{name} is no text")
    return value


def number(fields: Fields, name: str) -> int:
    """The whole number ``name``. Raises Malformed."""
    value = text(fields, name)
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise Malformed(f"{name} is no number: {value[:40]!r}")
    return int(value)


def content(fields: Fields) -> bytes:
    """The body: ``body_base64`` if it is there, which Keploy writes for what is no UTF-8, else ``body``."""
    encoded = text(fields, "body_base64", default="")
    if not encoded:
        return text(fields, "body", default="").encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("body_base64 is no base64") from None
