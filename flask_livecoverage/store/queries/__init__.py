"""Queries on stored runs: requests, lines, tests, routes, windows.

May import: the rest of store, of ingest only interning. Reads only; runs wherever a question is answered.
"""
