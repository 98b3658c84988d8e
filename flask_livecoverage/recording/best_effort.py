"""Runs several steps to the end, even if one of them fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack

logger = logging.getLogger("flask_livecoverage")


def run_all(*steps: Callable[[], object]) -> None:
    """Run all these steps, in their order. An error in one is logged, and the others still run."""
    with ExitStack() as stack:
        for step in reversed(steps):
            stack.callback(_logged, step)


def _logged(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:
        logger.exception("%s has failed", getattr(step, "__qualname__", step))
