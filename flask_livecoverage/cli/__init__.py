"""``flask livecov``: the command line.

The ``flask`` command imports this package whatever it is asked to do. So what measures, reports and analyses
(coverage.py and SQLAlchemy among it) is in :mod:`.handlers`, and imported in the commands' bodies.

May import: model, errors, settings, serving.options, and in the commands' bodies all that lies below.
"""

from . import keploy, questions, reports, serving, suite  # noqa: F401  # they add their commands
from .group import livecov

__all__ = ["livecov"]
