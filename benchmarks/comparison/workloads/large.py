"""2,000 functions of which few are run, to measure the cost of an application's size.

The environment variable names the folder into which ``generated`` wrote it.
"""

import os
import sys

from . import LARGE_VARIABLE

sys.path.insert(0, os.environ[LARGE_VARIABLE])

from large_application import app

PATHS = [f"/item/{number}" for number in range(10)]

__all__ = ["PATHS", "app"]
