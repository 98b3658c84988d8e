"""The names of runs in a store, which several data directories may use.

Runs of two directories may have the same name, given by ``LIVECOVERAGE_RUN``. In a store that lies elsewhere, the
directory's identity precedes it.
"""

from __future__ import annotations

from ..journal.data_dir import DataDir
from ..journal.run_folder import RunFolder
from .damage import path_of


def run_key(folder: RunFolder, url: str) -> str:
    """Return the name of a run in the store at ``url``."""
    data_dir = folder.path.parent.parent
    path = path_of(url)
    if path is not None and path.parent.absolute() == data_dir.absolute():
        return folder.id
    return f"{DataDir(data_dir).identity()}/{folder.id}"
