"""The hash by which records name the content of a file."""

from __future__ import annotations

import hashlib


def hash_of(content: bytes) -> str:
    """Return the hash of a file's bytes: 16 hexadecimal digits of their SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]
