"""Fixtures: the recorded runs of two shops, and questions about the second."""

from __future__ import annotations

from .shop import drive, record, recorded, shop
from .tea_shop import ask, writer

__all__ = ["ask", "drive", "record", "recorded", "shop", "writer"]
