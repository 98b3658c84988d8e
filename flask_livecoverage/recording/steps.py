"""Steps that are all taken, whatever happens in one of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack

logger = logging.getLogger("flask_livecoverage")


def do_all(*steps: Callable[[], object]) -> None:
    """Take all these steps, in their order. An error of one is logged, and the others are taken all the same."""
    with ExitStack() as stack:
        for step in reversed(steps):
            stack.callback(_logged, step)


def _logged(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:
        logger.exception("%s has failed", getattr(step, "__qualname__", step))
