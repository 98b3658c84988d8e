"""``flask livecov``: the command line.

The ``flask`` command imports this package for all commands, also for those of other packages. So the code that
measures, reports and analyses (with coverage.py and SQLAlchemy) is in :mod:`.handlers`, which the commands import in
their bodies.

Modules:

*   ``changes``: ``patch`` and ``affected``
*   ``comparing``: ``compare`` and ``baseline``
*   ``group``: the group ``flask livecov``, and how errors end a command
*   ``handlers``: the work of the commands
*   ``keploy``: ``keploy`` and ``replay``
*   ``options``: options that several commands take
*   ``questions``: ``requests``, ``tests``, ``routes``, ``diff``, ``who`` and ``priorities``
*   ``reports``: ``report``, ``status`` and ``shutdown``
*   ``runs``: ``runs`` and ``prune``
*   ``serving``: ``serve`` and ``run``
*   ``suites``: ``dedup`` and ``minimise``

May import: errors, keploy.sockets, model, serving.serve_options, settings.

Runs in every ``flask`` command of every application, so only the options are read here.
"""

from . import changes, comparing, keploy, questions, reports, runs, serving, suites  # noqa: F401  # each adds its commands
from .group import livecov

__all__ = ["livecov"]
