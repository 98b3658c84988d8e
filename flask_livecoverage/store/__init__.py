"""The store: the recorded runs in a database, for fast answers.

It is built from the journals and can be rebuilt from them: the journals are authoritative. By default it is an SQLite
file in the data directory; ``LIVECOVERAGE_STORE`` names another database.

May import: journal, model, errors. Runs wherever a question is answered: in a command, in the dashboard process, or in
the measured server for a control route, and never for a request that is merely recorded.
"""

from __future__ import annotations

from .damage import identify
from .handle import StoreHandle, open_store, store_url
from .queries.run_queries import RunQueries
from .store import Store

__all__ = ["RunQueries", "Store", "StoreHandle", "identify", "open_store", "store_url"]
