"""The engine's part in C, which is left out where no compiler was."""

from __future__ import annotations

import sys
from importlib.util import find_spec

# Compiled for interpreters that have sys.monitoring.
HAS_PART_IN_C = sys.version_info >= (3, 12) and find_spec("flask_livecoverage.engines._locations") is not None
