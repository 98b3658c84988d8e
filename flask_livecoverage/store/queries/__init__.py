"""Queries on stored runs: requests, lines, tests, routes, windows.

Modules:

*   ``base``: the runs and filters of a query
*   ``contents``: the contents that files had
*   ``groups``: requests grouped by test and route
*   ``lines``: lines, and who ran them
*   ``outcome_queries``: the outcomes of tests
*   ``requests``: single requests
*   ``run_queries``: all queries on some runs
*   ``statements``: stores the analysis of source files
*   ``window_queries``: windows, and the traces of their requests

May import: model, store.dialect, store.losses, store.schema, store.traces, store.windows.

Runs wherever a question is answered. Writes nothing but the analysis of source files.
"""
