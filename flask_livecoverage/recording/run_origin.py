"""Notes the git commit that a run measures, where no command has noted it before it started the server."""

from __future__ import annotations

import logging
from pathlib import Path

from ..journal.facts import note_working_tree
from ..journal.run_folder import RunFolder
from ..model.run_facts import WorkingTree

logger = logging.getLogger("flask_livecoverage")


class RunOrigin:
    """Called regularly; the first call notes the working tree that contains ``root``, unless another process has."""

    def __init__(self, run: RunFolder, root: str) -> None:
        self._run = run
        self._root = Path(root)
        self._is_noted = False

    def __call__(self) -> None:
        """Note the working tree, once."""
        if not self._is_noted:
            self._is_noted = True
            note_working_tree(self._run, self._find)

    def _find(self) -> WorkingTree | None:
        try:
            # Imported here, because most servers are started by a command that has noted it.
            from ..repository.working_tree import working_tree

            return working_tree(self._root)
        except Exception as error:
            # Under gevent, for example, some threads cannot start processes; a server that has changed its user may
            # not read this package any more.
            logger.debug("the git commit of this run is not known: %s", error)
            return None
