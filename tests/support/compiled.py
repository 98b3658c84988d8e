"""Whether the engine's C extension was compiled: it is left out where there is no compiler."""

from __future__ import annotations

import sys
from importlib.util import find_spec

# Compiled for interpreters that have sys.monitoring.
HAS_C_EXTENSION = sys.version_info >= (3, 12) and find_spec("flask_livecoverage.engines._locations") is not None
