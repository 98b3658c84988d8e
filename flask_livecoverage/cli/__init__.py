"""``flask livecov``: the command line.

The ``flask`` command imports this package whatever it is asked to do. So what measures, reports and analyses
(coverage.py and SQLAlchemy among it) is in :mod:`flask_livecoverage.commands`, and imported by the commands that need
it, in their bodies.
"""

from . import keploy, priorities, questions, reports, serving, suite  # noqa: F401  # they add their commands
from .group import livecov

__all__ = ["livecov"]
