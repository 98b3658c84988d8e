"""The store: what was recorded, in a database that answers questions quickly.

It is made from the journals, and can be made anew from them: the journals are what counts. By default it is an SQLite
file in the data directory; ``LIVECOVERAGE_STORE`` names another database.

May import: journal, model, errors. Runs wherever a question is asked: in a command, in the dashboard process, or in a
server that is asked, and never for a request that is merely recorded.
"""

from __future__ import annotations

from .damage import identify
from .handle import StoreHandle, open_store, store_url
from .queries.run_queries import RunQueries
from .store import Store

__all__ = ["RunQueries", "Store", "StoreHandle", "identify", "open_store", "store_url"]
