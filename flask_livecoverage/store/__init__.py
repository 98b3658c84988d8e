"""The store: the recorded runs in a database, for fast answers.

It is built from the journals and can be rebuilt from them, because the journals are authoritative. By default it is an
SQLite file in the data directory; ``LIVECOVERAGE_STORE`` names another database.

Modules:

*   ``connections``: the connections to a store, all of them to the same file
*   ``damage``: detects damage, and moves a broken store aside
*   ``dialect``: the differences between databases
*   ``handle``: an open store, which is rebuilt when it is broken
*   ``identity``: tells stores apart, and the states of one before and after a removal
*   ``ingest``: reads journals into the store
*   ``losses``: counts of lost records
*   ``queries``: the queries
*   ``removal``: removes a run
*   ``rescue``: copies files' contents from stores that were moved aside
*   ``run_keys``: the names of runs in a store that several data directories use
*   ``schema``: the tables
*   ``shared_rows``: the rows that several runs share, and their removal
*   ``store``: one store: its tables, its synchronisation with the journals, its queries
*   ``traces``: reads traces
*   ``windows``: the windows of a run, as intervals of time

May import: errors, journal, model.

Runs wherever a question is answered: in a command, in the dashboard process, or in the measured server for a control
route, and never for a request that is merely recorded.
"""

from __future__ import annotations

from .damage import identify
from .handle import StoreHandle, open_store, store_url
from .queries.run_queries import RunQueries
from .store import Store

__all__ = ["RunQueries", "Store", "StoreHandle", "identify", "open_store", "store_url"]
