"""Modules that others may have imported."""

from __future__ import annotations

import sys
from typing import Any


def imported(name: str) -> Any:
    """The module of that name, if anybody has imported it, wholly; else None.

    One that another thread is importing is in ``sys.modules`` already, and lacks what comes later in it.
    """
    module = sys.modules.get(name)
    # As the import statement itself decides whether it has to wait.
    return None if getattr(getattr(module, "__spec__", None), "_initializing", False) else module
