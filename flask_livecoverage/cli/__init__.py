"""``flask livecov``: the command line.

The ``flask`` command imports this package for all commands, also for those of other packages. So the code that
measures, reports and analyses (with coverage.py and SQLAlchemy) is in :mod:`.handlers`, which the commands import in
their bodies.

May import: model, errors, settings, serving.options, and in the commands' bodies all that lies below.
"""

from . import keploy, questions, reports, serving, suite  # noqa: F401  # each adds its commands
from .group import livecov

__all__ = ["livecov"]
